"""The experiment file: what it may say, and reading it. Every key that is not known is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.errors import SettingsError
from promptopt.domain.events import Role
from promptopt.domain.settings import BudgetSettings, ModelSettings, TaskSettings
from promptopt.store.projects import YAML
from promptopt.store.textfiles import closest, is_file, parse_toml, parse_yaml, read_text
from promptopt.store.validation import dotted, unknown_keys, validate

MOST_BYTES = 1_000_000

SHIPPED = "examples"
"""The experiment that comes with the package."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="allow", defer_build=True)


class About(_Part):
    """The experiment as a whole.

    Attributes:
        name: what lists call it.
        output_dir: folder for the table and the plots; relative to the file.
        seeds: each optimizer is run once with each; the splits of the cases stay the same.
        baselines: what is run beside the optimizers: ``none`` scores the prompt to start from, any other name
            is that of an optimizer.
        parallel: runs at once.
    """

    name: str = Field(min_length=1, max_length=80)
    output_dir: str = "./results"
    seeds: list[int] = Field(default=[0], min_length=1)
    baselines: list[str] = Field(default=["none"])
    parallel: int = Field(default=2, ge=1, le=64)


class OptimizerEntry(_Part):
    """One optimizer.

    Attributes:
        type: its name, or a family: ``dspy`` (``config.optimizer`` says which), ``hybrid``
            (``config.strategy``).
        name: how the table calls it; default is the optimizer's name.
        config: its settings, as under ``[optimizer]`` of a project file.
    """

    type: str = Field(min_length=1)
    name: str = Field(default="", max_length=40)
    config: dict[str, Any] = Field(default_factory=dict[str, Any])


class EvaluationPart(_Part):
    """How outputs are judged.

    Attributes:
        metrics: the checks of every dataset, in the place of its own: names (``accuracy`` …) or tables
            as ``[[checks]]`` of a project file. Each has a column of its own.
        judges: models that score what the winners answer to the sealed cases; each has a column of its own.
        rubric: what the judges go by; default: the task.
        repeats: times that each case is sent.
    """

    metrics: list[str | dict[str, Any]] = Field(default_factory=list[str | dict[str, Any]])
    judges: list[str | dict[str, Any]] = Field(default_factory=list[str | dict[str, Any]])
    rubric: str = ""
    repeats: int = Field(default=1, ge=1, le=100)


class ExperimentFile(_Part):
    """A whole experiment file.

    Attributes:
        experiment: name, output, seeds, baselines, runs at once.
        optimizers: what is compared.
        datasets: ``train``, ``val`` and ``test``; or names, each with that or a path; or a list of examples,
            projects and files.
        evaluation: metrics and judges.
        task, prompt: for datasets that are no projects; default: a generic prompt.
        models: for datasets that are no projects, and in the place of theirs.
        budget: caps of the whole experiment.
        run_budget: caps of each run.
    """

    experiment: About
    optimizers: list[OptimizerEntry] = Field(min_length=1)
    datasets: Any
    evaluation: EvaluationPart = Field(default_factory=EvaluationPart)
    task: TaskSettings = Field(default_factory=TaskSettings)
    prompt: str = ""
    models: dict[Role, ModelSettings] = Field(default_factory=dict[Role, ModelSettings])
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    run_budget: BudgetSettings = Field(default_factory=BudgetSettings)


@dataclass(frozen=True)
class Loaded:
    """A file that was read, and the folder that its relative paths start from."""

    said: ExperimentFile
    path: Path
    dir: Path


def load_experiment(reference: str) -> Loaded:
    """Read an experiment file: a path, or ``examples`` for the one that comes with the package.

    Raises:
        SettingsError: it can't be read, or a key is unknown or can't be used; all of them are named.
    """
    path = _path(reference)
    shipped = reference == SHIPPED and not is_file(Path(reference))
    text = read_text(path, MOST_BYTES)
    raw: Any = parse_toml(text, path) if path.suffix.lower() == ".toml" else parse_yaml(text, path)
    if not isinstance(raw, Mapping):
        raise SettingsError(
            "this is no experiment: expected a table with experiment, optimizers, datasets", where=str(path)
        )
    table = _with_models(dict(cast("Mapping[str, Any]", raw)))
    _refuse_unknown(table, path)
    said, _ = validate(ExperimentFile, table, path)
    return Loaded(said, path, Path.cwd() if shipped else path.parent)


def _path(reference: str) -> Path:
    path = Path(reference).expanduser()
    if is_file(path):
        return path
    if reference == SHIPPED:
        from promptopt.examples import experiment_file

        return experiment_file()
    raise SettingsError(
        "there is no such experiment file",
        where=reference,
        fix=f"give the path of a file ({', '.join((*YAML, '.toml'))}), or {SHIPPED!r} for the one that comes "
        "with promptopt",
    )


def _with_models(raw: dict[str, Any]) -> dict[str, Any]:
    """Models that are given by name alone, as tables."""
    models: Any = raw.get("models")
    if not isinstance(models, Mapping):
        return raw
    given = cast("Mapping[str, Any]", models)
    return {**raw, "models": {role: {"model": m} if isinstance(m, str) else m for role, m in given.items()}}


def _refuse_unknown(raw: Mapping[str, Any], path: Path) -> None:
    told: list[str] = []
    for keys, section in unknown_keys(ExperimentFile, raw):
        name = str(keys[-1])
        if name in section.model_fields:
            continue  # true or false in place of a number: validating tells
        near = closest(name, section.model_fields)
        hint = f"did you mean {near}?" if near else f"known: {', '.join(section.model_fields)}"
        told.append(f"{dotted(keys)}: unknown key, {hint}")
    if told:
        raise SettingsError(
            told[0]
            if len(told) == 1
            else f"{len(told)} keys are unknown:" + "".join(f"\n  {t}" for t in told),
            where=str(path),
            fix="the README tells all keys, under Experiments",
        )
