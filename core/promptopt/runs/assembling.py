"""From what a program gives to :func:`promptopt.optimize` to the settings and cases of a run."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypedDict, cast, runtime_checkable

from promptopt.domain.dataset import Dataset, Example, split_cases
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import (
    BudgetSettings,
    CheckSettings,
    DataSettings,
    ModelSettings,
    ProjectSettings,
)
from promptopt.domain.task import Constraint, TaskSpec
from promptopt.domain.text import one_line
from promptopt.domain.words import ROLES, Role
from promptopt.evaluation.checks.rules import Rule
from promptopt.evaluation.functions import Functions
from promptopt.evaluation.metrics import EvaluationMetric, check_table
from promptopt.optimizers.base import BaseOptimizer
from promptopt.runs.given import budget_table, refuse_half_characters, refuse_prompt, refuse_task
from promptopt.runs.launch import simulated
from promptopt.runs.own import Own
from promptopt.store.casefiles import load_dataset
from promptopt.store.columns import NOT_SAID, ColumnChoice, choose_columns
from promptopt.store.importing import load_cases
from promptopt.store.projects import Project, find_project, load_project, settings_from
from promptopt.store.textfiles import closest

WHERE = "promptopt.optimize()"


@runtime_checkable
class HasSettings(Protocol):
    """A model that somebody has made already (an ``LLMClient``)."""

    @property
    def settings(self) -> ModelSettings: ...


Model = str | Mapping[str, Any] | ModelSettings | HasSettings
CheckLike = str | Mapping[str, Any] | CheckSettings | EvaluationMetric | Callable[..., Any]
Cases = Dataset | Iterable[Example | Mapping[str, Any]] | str | Path


class HowToScore(TypedDict, total=False):
    """How a prompt is scored, beside task and cases; all of it is optional if a project says it.

    Keys:
        project: name or path of a project; what is given beside it takes the place of what it says.
        models: of the target role, or a mapping of roles (``target``, ``optimizer``, ``judge``) to models. A
            model is a litellm name, a table as ``[models.target]`` in a project file, or an ``LLMClient``.
        judges: a panel that decides matches, one model each; a table can give a judge's name and weight.
        checks: what judges an output: a check's type (``"exact"``), a metric's name (``"f1"``), a table as
            ``[[checks]]`` in a project file, an ``EvaluationMetric``, or a function of ``(output)``,
            ``(output, expected)`` or ``(output, expected, inputs)`` to a bool, a score in [0, 1], or a score
            and a reason. Default: ``exact``.
        budget: most USD, or a table as ``[budget]`` in a project file.
        data: a table as ``[data]`` in a project file: columns, shares of the splits, seed.
        evaluation: a table as ``[evaluation]`` in a project file.
        name: what lists call it.
        simulate: put the built-in simulator in the place of every model.
        trust: you have looked at the project's code and endpoints, and trust them from now on.
    """

    project: str | Path
    models: Model | Mapping[Role, Model]
    judges: Sequence[Model]
    checks: CheckLike | Sequence[CheckLike]
    budget: float | Mapping[str, float] | BudgetSettings
    data: Mapping[str, Any]
    evaluation: Mapping[str, Any]
    name: str
    simulate: bool
    trust: bool


class How(HowToScore, total=False):
    """How a run is made.

    Keys:
        prompt: the prompt to start from; default: the task's description.
        optimizer: name, table as ``[optimizer]`` in a project file, class, or instance; default: ``refine``.
    """

    prompt: Prompt | str
    optimizer: str | Mapping[str, Any] | type[BaseOptimizer] | BaseOptimizer


KEYWORDS = (*HowToScore.__annotations__, *How.__annotations__)


@dataclass(frozen=True)
class Assembled:
    """All that a run is made of.

    Attributes:
        project: its settings, and the folder that relative paths start from.
        own: what lives in this process only.
        notices: about the project and its cases.
    """

    project: Project
    dataset: Dataset
    own: Own
    notices: tuple[str, ...]


def assemble(
    task: TaskSpec | str | None, cases: Cases | None, how: How, base: ProjectSettings | None = None
) -> Assembled:
    """Make a run's settings and cases of what was given.

    Args:
        base: settings to start from, if ``how`` names no project.

    Raises:
        SettingsError: something is missing, unknown, or can't be used.
    """
    refuse_unknown(how)
    project = load_project(find_project(str(how["project"]))) if "project" in how else None
    folder = project.dir if project else Path.cwd()
    known = project.settings if project else base
    raw: dict[str, Any] = known.model_dump(mode="json", exclude_unset=True) if known else {}
    validators: dict[str, Callable[[str], Any]] = {}
    functions: dict[str, Callable[..., Any]] = {}
    optimizer: BaseOptimizer | None = None
    if task is not None:
        raw["task"] = _task(task, validators)
    if "prompt" in how:
        raw |= _prompt(how["prompt"])
    if "models" in how or not raw.get("models"):
        raw["models"] = {**raw.get("models", {}), **_models(how)}
    if "judges" in how:
        raw["judges"] = _judges(how["judges"])
    if "optimizer" in how:
        raw["optimizer"], optimizer = _optimizer(how["optimizer"])
    if "checks" in how:
        raw["checks"] = _checks(how["checks"], functions)
    raw |= _tables(how)
    settings, notices = _settings(raw, how, project)
    dataset, more = _dataset(cases, settings, folder, task)
    found = Project(settings, project.path if project else Path(WHERE), folder)
    examples = task.examples if isinstance(task, TaskSpec) else ()
    own = Own(optimizer, Functions(validators, functions), tuple(examples))
    told = (*(project.notices if project else ()), *notices, *more)
    return Assembled(found, dataset, own, told)


def own_of(task: TaskSpec | str | None, how: How) -> Own:
    """What a program brings to a run that is resumed: its settings and cases are frozen already.

    Raises:
        SettingsError: something is given that the run has already.
    """
    refuse_unknown(how)
    frozen = sorted(how.keys() - {"optimizer", "checks", "trust"})
    if frozen:
        raise SettingsError(
            f"a run that is resumed has its own {' and '.join(frozen)}",
            where=WHERE,
            fix="leave that out; task, checks and optimizer are given for what lives in this program only",
        )
    validators: dict[str, Callable[[str], Any]] = {}
    functions: dict[str, Callable[..., Any]] = {}
    optimizer: BaseOptimizer | None = None
    if task is not None:
        _task(task, validators)
    if "checks" in how:
        _checks(how["checks"], functions)
    if "optimizer" in how:
        optimizer = _optimizer(how["optimizer"])[1]
    examples = task.examples if isinstance(task, TaskSpec) else ()
    return Own(optimizer, Functions(validators, functions), tuple(examples))


def refuse_unknown(given: Iterable[str]) -> None:
    """Raise SettingsError for a keyword that does not exist."""
    _known(given, list(dict.fromkeys(KEYWORDS)), "keyword")


def _known(given: Iterable[str], names: Sequence[str], what: str) -> None:
    for name in given:
        if name not in names:
            near = closest(name, names)
            hint = f"did you mean {near!r}? " if near else ""
            raise SettingsError(
                f"there is no {what} {name!r}", where=WHERE, fix=f"{hint}there are: {', '.join(names)}"
            )


def cases_to_score(cases: Cases, settings: ProjectSettings, folder: Path) -> tuple[Example, ...]:
    """The cases to score a prompt on: all of them, or of a ``Dataset`` its test split, if it has one."""
    if isinstance(cases, Dataset):
        refuse_half_characters(cases.cases(), "promptopt.evaluate(), test_set")
        return cases.test or cases.validation or cases.train
    return tuple(_dataset(cases, settings, folder, None)[0].cases())


def plain_dataset(cases: Cases) -> Dataset:
    """Cases of any kind as a data set, without a project: as they are split, or as a new project would.

    Raises:
        SettingsError: they can't be read, or there is none.
    """
    said = {"name": "cases", "prompt": "{input}", "models": {"target": {"model": "sim/target"}}}
    return _dataset(cases, ProjectSettings.model_validate(said), Path.cwd(), None)[0]


def _settings(raw: dict[str, Any], how: How, project: Project | None) -> tuple[ProjectSettings, list[str]]:
    simulate = how.get("simulate", False)
    if not raw.get("name"):
        said = raw.get("task", {}).get("description") or raw.get("prompt") or ""
        raw["name"] = one_line(said, 60) or "from Python"
    if not raw["models"].get("target"):
        if not simulate:
            raise SettingsError(
                "no model is given",
                where=WHERE,
                fix='name it, as in models="openai/gpt-4o-mini"; to rehearse without one: simulate=True',
            )
        raw["models"]["target"] = {"model": "sim/target"}
    if simulate:
        raw["models"].setdefault("judge", {"model": "sim/judge"})
    if not (raw.get("prompt") or raw.get("task", {}).get("description")):
        raise SettingsError(
            "there is no prompt to start from",
            where=WHERE,
            fix="give prompt=…, or a task with a description",
        )
    settings, notices = settings_from(raw, project.path if project else Path(WHERE))
    return (simulated(settings) if simulate else settings), notices


def _task(task: TaskSpec | str, validators: dict[str, Callable[[str], Any]]) -> dict[str, Any]:
    """The table of a task; functions that no file could hold go into ``validators``."""
    refuse_task(task, WHERE)
    if isinstance(task, str):
        return {"description": task}
    return {
        "description": task.description,
        "signature": task.signature,
        "input_format": task.input_format,
        "output_format": task.output_format,
        "constraints": [_constraint(constraint, validators) for constraint in task.constraints],
    }


def _constraint(constraint: Constraint, validators: dict[str, Callable[[str], Any]]) -> dict[str, Any]:
    rule: object = getattr(constraint.validator, "__self__", None)
    if isinstance(rule, Rule) and not rule.settings.validator:  # of a project: it is told in words
        return rule.settings.model_dump(mode="json", exclude_unset=True)
    validators[constraint.name] = constraint.validator
    return {
        "name": constraint.name,
        "description": constraint.description,
        "weight": constraint.weight,
        "hard": constraint.hard,
        "validator": str(getattr(constraint.validator, "__qualname__", type(constraint.validator).__name__)),
    }


def _prompt(prompt: Prompt | str) -> dict[str, Any]:
    refuse_prompt(prompt, WHERE)
    if isinstance(prompt, str):
        return {"prompt": prompt, "demonstrations": []}
    shown = [{"inputs": demo.inputs, "output": demo.expected or ""} for demo in prompt.demonstrations]
    return {"prompt": prompt.text, "demonstrations": shown}


def _models(how: How) -> dict[str, Any]:
    given: Any = how.get("models")
    if given is None:
        return {}
    if isinstance(given, Mapping) and "model" not in given:
        roles = cast("Mapping[str, Any]", given)
        _known(roles, ROLES, "role")
        return {role: model_table(model) for role, model in roles.items()}
    return {"target": model_table(given)}


def _judges(given: Any) -> list[dict[str, Any]]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        given = [given]
    return [model_table(judge) for judge in cast("Sequence[Any]", given)]


def model_table(model: Any) -> dict[str, Any]:
    """A model as a table of a project file. Raises SettingsError: it is none."""
    if isinstance(model, str):
        return {"model": model}
    if isinstance(model, ModelSettings):
        return model.model_dump(mode="json", exclude_unset=True)
    if isinstance(model, Mapping):
        return dict(cast("Mapping[str, Any]", model))
    if isinstance(model, HasSettings):
        return model.settings.model_dump(mode="json", exclude_unset=True)
    raise SettingsError(
        f"a model can't be a {type(model).__name__}",
        where=WHERE,
        fix='give its name, as in models="openai/gpt-4o-mini", a table of settings, or an LLMClient',
    )


def _optimizer(given: Any) -> tuple[dict[str, Any], BaseOptimizer | None]:
    """The table of the optimizer, and the optimizer itself if it was given as a class or an instance."""
    if isinstance(given, str):
        return {"name": given}, None
    if isinstance(given, Mapping):
        return dict(cast("Mapping[str, Any]", given)), None
    if isinstance(given, type) and issubclass(given, BaseOptimizer):
        given = given()
    if not isinstance(given, BaseOptimizer):
        raise SettingsError(
            f"an optimizer can't be a {type(cast(object, given)).__name__}",
            where=f"{WHERE}, optimizer",
            fix="give a name (promptopt optimizers lists them), or a subclass of BaseOptimizer",
        )
    return {**given.options.model_dump(mode="json"), "name": given.name}, given


def _checks(given: Any, functions: dict[str, Callable[..., Any]]) -> list[dict[str, Any]]:
    listed: Sequence[Any] = [given]
    if isinstance(given, Sequence) and not isinstance(given, str):
        listed = cast("Sequence[Any]", given)
    return [_check(one, functions) for one in listed]


def _check(check: Any, functions: dict[str, Callable[..., Any]]) -> dict[str, Any]:
    if isinstance(check, str):
        return check_table(check, f"{WHERE}, checks")
    if isinstance(check, CheckSettings):
        return check.model_dump(mode="json", exclude_unset=True)
    if isinstance(check, EvaluationMetric):
        metric = check

        def measured(output: str, expected: str | None) -> float:
            return metric.compute([output], [expected or ""])

        return _own_check({}, metric.name, measured, functions)
    if isinstance(check, Mapping):
        table = dict(cast("Mapping[str, Any]", check))
        if callable(table.get("function")):
            function = table.pop("function")
            return _own_check(table, str(table.get("name") or _name(function)), function, functions)
        return table
    if callable(check):
        return _own_check({}, _name(check), check, functions)
    raise SettingsError(f"a check can't be a {type(check).__name__}", where=f"{WHERE}, checks")


def _own_check(
    table: Mapping[str, Any],
    name: str,
    function: Callable[..., Any],
    functions: dict[str, Callable[..., Any]],
) -> dict[str, Any]:
    number, called = 1, name
    while called in functions:
        number += 1
        called = f"{name} {number}"
    functions[called] = function
    return {"name": called, **table, "type": "python", "function": called}


def _name(function: Any) -> str:
    name = str(getattr(function, "__name__", type(function).__name__))
    return "check" if name == "<lambda>" else name


def _tables(how: How) -> dict[str, Any]:
    """What stands in a project file as it was given."""
    found: dict[str, Any] = {key: how.get(key) for key in ("name", "data", "evaluation") if key in how}
    if "budget" in how:
        found["budget"] = budget_table(how["budget"], WHERE)
    return found


def _dataset(
    cases: Any, settings: ProjectSettings, folder: Path, task: TaskSpec | str | None
) -> tuple[Dataset, tuple[str, ...]]:
    """Cases in splits, and what there is to know about them."""
    if isinstance(cases, Dataset):
        refuse_half_characters(cases.cases(), f"{WHERE}, dataset")
        return cases, ()
    if cases is None:
        if not (settings.data.file or settings.data.train or settings.data.cases):
            raise SettingsError(
                "there are no cases", where=WHERE, fix="give dataset=…: cases, a file of them, or a Dataset"
            )
        loaded = load_dataset(settings, folder)
        return loaded.dataset, loaded.notices
    if isinstance(cases, str | Path):
        return _file(Path(cases).expanduser(), settings)
    rows = _rows(cases)
    if rows and all(isinstance(row, Example) for row in rows):
        refuse_half_characters(rows, f"{WHERE}, dataset")
        return split_cases(cast("list[Example]", rows), settings.data.split, settings.data.seed), ()
    if not all(isinstance(row, Mapping) for row in rows):
        raise SettingsError(
            "the cases are neither mappings nor Examples",
            where=f"{WHERE}, dataset",
            fix='give each as {"input": …, "expected": …}',
        )
    tables = [dict(cast("Mapping[str, Any]", row)) for row in rows]
    found: dict[str, Any] = {"cases": tables, "file": None, "train": None, "validation": None, "test": None}
    reasons: Sequence[str] = ()
    if not _says_columns(settings.data):
        chosen = choose_columns(list(dict.fromkeys(name for row in tables for name in row)), "the cases")
        found |= {"input": chosen.inputs, "expected": chosen.expected}
        reasons = chosen.reasons
    data = settings.data.model_copy(update=found)
    loaded = load_dataset(settings.model_copy(update={"data": data}), folder)
    return loaded.dataset, (*reasons, *loaded.notices)


def _says_columns(data: DataSettings) -> bool:
    """Whether columns are named. Settings of a run that named none have these keys, too, without a value."""
    return data.input is not None or data.expected is not None


def _rows(cases: Any) -> list[Any]:
    """Cases one by one; a data frame gives its records."""
    if hasattr(cases, "to_dict") and hasattr(cases, "columns"):
        return cast("list[Any]", cases.to_dict("records"))
    if isinstance(cases, Mapping) or not isinstance(cases, Iterable):
        raise SettingsError(
            f"the cases can't be a {type(cast(object, cases)).__name__}",
            where=f"{WHERE}, dataset",
            fix="give a list of cases, the path of a file of them, or a Dataset",
        )
    return list(cast("Iterable[Any]", cases))


def _file(path: Path, settings: ProjectSettings) -> tuple[Dataset, tuple[str, ...]]:
    """A file or folder of cases; columns that nobody names are recognized as for a new project."""
    data = settings.data
    columns = NOT_SAID
    if _says_columns(data):
        inputs = (data.input,) if isinstance(data.input, str) else tuple(data.input or ())
        columns = ColumnChoice(input=inputs, expected=data.expected)
    loaded, notices = load_cases(path, columns, split=data.split, seed=data.seed)
    return loaded.dataset, (*notices, *loaded.notices)
