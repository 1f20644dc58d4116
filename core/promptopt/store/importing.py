"""Making project settings of other files: cases, a YAML configuration, another project."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.dataset import SPLITS
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import BudgetSettings, ModelSettings, OptimizerSettings, ProjectSettings
from promptopt.domain.text import one_line
from promptopt.store.casefiles import LoadedData, load_dataset
from promptopt.store.caserows import FORMATS, MAX_BYTES, Row, format_of
from promptopt.store.columns import NOT_SAID, Ask, ColumnChoice
from promptopt.store.newcases import LONGEST_NAME, project_of_cases
from promptopt.store.projects import FILE, YAML, load_project, settings_from, write_files
from promptopt.store.projects import MAX_BYTES as MAX_PROJECT_BYTES
from promptopt.store.promptfoo import NAMES, is_promptfoo, read_promptfoo
from promptopt.store.promptfoo_checks import Accepts, accepts_core
from promptopt.store.textfiles import is_file, is_folder, parse_yaml, read_bytes, read_text
from promptopt.store.validation import validate

CONFIG_KEYS = {"task_description", "target_model", "evaluations", "models"}

PROVIDERS = {
    "anthropic": "anthropic",
    "claude": "anthropic",
    "openai": "openai",
    "google": "gemini",
    "gemini": "gemini",
    "ollama": "ollama_chat",
}
"""Names that people give providers, and litellm's prefix; any other provider is its own prefix."""

FAMILIES = (
    (r"claude-", "anthropic"),
    (r"gpt-|chatgpt-|o\d(-|$)", "openai"),
    (r"gemini-", "gemini"),
)
"""Model names that say whose they are."""


class _TargetModel(ModelSettings):
    provider: str | None = None


class _ConfigOptimizer(OptimizerSettings):
    """The optimizer's model and, in any other key, the optimizer's own settings."""

    provider: str | None = None
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    timeout: float | None = None
    base_url: str | None = None
    api_key_env: str | None = None


class _Evaluation(BaseModel):
    model_config = ConfigDict(extra="allow")

    type: Literal["input_output", "assertion"]
    cases: list[dict[str, Any]] = Field(default_factory=list[dict[str, Any]])
    name: str = ""
    description: str = ""
    code: str | None = None
    weight: float = Field(default=1.0, gt=0)
    hard: bool = False
    sandbox: Literal["monty", "python"] = "monty"


class _Config(BaseModel):
    """The YAML configuration: task, target model, optimizer and evaluations in one file."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    task_description: str = ""
    prompt: str = ""
    initial_prompt: str = ""
    target_model: _TargetModel
    optimizer: _ConfigOptimizer = Field(default_factory=_ConfigOptimizer)
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    evaluations: list[_Evaluation] = Field(default_factory=list[_Evaluation])


class Imported(NamedTuple):
    """Settings for a new project, and what its owner should know about them.

    Attributes:
        settings: relative paths in them name ``files``; absolute paths stay.
        files: the data files to put beside the project file (plain name to content).
        notices: what was taken for what, and what could not be taken over.
    """

    settings: ProjectSettings
    files: dict[str, bytes]
    notices: list[str]


def import_project(
    source: Path,
    name: str | None = None,
    columns: ColumnChoice = NOT_SAID,
    ask: Ask | None = None,
    accepts: Accepts = accepts_core,
) -> Imported:
    """Settings for a new project made of a file or folder.

    Args:
        source: a project file or a folder with one, a YAML configuration, or a file or folder of cases.
        name: of the new project; by default that of the source.
        columns: which column of a file of cases is what, as far as the user said so.
        ask: asks a person about columns whose names leave it open; None takes the likeliest.
        accepts: says of a check's table whether this version has such a check, for promptfoo's assertions.

    Raises:
        SettingsError: the source can't be used.
    """
    imported = _imported(source, columns, ask, accepts)
    if name is not None:
        if not name.strip() or len(name) > LONGEST_NAME:
            raise SettingsError(f"the name has {len(name.strip())} characters, expected 1 to {LONGEST_NAME}")
        imported = imported._replace(settings=imported.settings.model_copy(update={"name": name}))
    return imported


def load_cases(source: Path, columns: ColumnChoice = NOT_SAID, **data: Any) -> tuple[LoadedData, list[str]]:
    """The cases of a file or folder, as a new project made of it would read them, and what to tell.

    Args:
        columns: which column is what, as far as somebody said so.
        data: keys of ``[data]`` that say more: ``split``, ``seed``.

    Raises:
        SettingsError: the source can't be used.
    """
    made = _imported(source, columns, None, accepts_core, cases_only=True)
    # A prompt that was made up says nothing of what people wrote into theirs.
    kept = made.settings.data.model_copy(update=data)
    settings = made.settings.model_copy(update={"prompt": "", "data": kept})
    if source.is_file() and source.name in made.files:
        return load_dataset(settings, source.parent), made.notices
    with tempfile.TemporaryDirectory(prefix="promptopt-") as folder:
        write_files(Path(folder), made.files)
        return load_dataset(settings, Path(folder)), made.notices


def _imported(
    source: Path, columns: ColumnChoice, ask: Ask | None, accepts: Accepts, *, cases_only: bool = False
) -> Imported:
    path = _file_in(source) if is_folder(source) else source
    suffix = path.suffix.lower()
    config: Any = _yaml(path) if suffix in YAML else None
    if suffix == ".toml" or _is_config(config) or is_promptfoo(config):
        if columns != NOT_SAID:
            raise SettingsError(
                "columns can be named for a file of cases only", where=str(path), fix="leave the options out"
            )
        if is_promptfoo(config):
            raw, files, notices = read_promptfoo(config, path, accepts)
            settings, more = settings_from(raw, path)
            return Imported(settings, files, [*notices, *more])
        return _copy_project(path)
    if is_folder(path) or format_of(path):
        _check_has_cases(config, path)
        return Imported(*project_of_cases(path, columns, ask, cases_only=cases_only))
    kinds = ", ".join((".toml", *FORMATS))
    what = "there is no such file" if not is_file(path) else f"unknown kind of file, expected one of {kinds}"
    raise SettingsError(what, where=str(path))


def read_yaml_config(path: Path) -> tuple[ProjectSettings, list[str]]:
    """Settings and notices from a YAML configuration (or from a project file written in YAML).

    Raises:
        SettingsError: names every key that can't be used.
    """
    content = _yaml(path)
    if is_promptfoo(content):
        raise SettingsError(
            "this is a configuration of promptfoo, expected one of ours",
            where=str(path),
            fix=f"make a project of it: promptopt new NAME --from {path.name}",
        )
    if not _is_config(content):
        raise SettingsError(
            "this is no configuration: expected the keys task_description, target_model and evaluations",
            where=str(path),
        )
    # In YAML a key without a value is null; it stands for a key that is not there.
    raw = {key: value for key, value in cast("Row", content).items() if value is not None}
    if "models" in raw:
        return settings_from(raw, path)
    config, notices = validate(_Config, raw, path)
    settings, more = settings_from(_converted(config, path), path)
    return settings, [*notices, *more]


def litellm_name(model: str, provider: str | None) -> str:
    """litellm's name of a model: ``claude-sonnet-4.5`` of ``anthropic`` is ``anthropic/claude-sonnet-4-5``.

    A name with a prefix that is known stays as it is; a name without provider gets the one it tells.
    """
    if provider is None:
        family = next((prefix for pattern, prefix in FAMILIES if re.match(pattern, model)), None)
        return _prefixed(family, model) if family else model
    prefix = PROVIDERS.get(provider.strip().lower(), provider.strip().lower())
    known = {prefix, *PROVIDERS, *PROVIDERS.values(), "sim"} if prefix in PROVIDERS.values() else {prefix}
    return model if model.split("/")[0] in known and "/" in model else _prefixed(prefix, model)


def _prefixed(prefix: str, model: str) -> str:
    if prefix == "anthropic":
        model = re.sub(r"(?<=\d)\.(?=\d)", "-", model)
    return f"{prefix}/{model}"


def _yaml(path: Path) -> Any:
    return parse_yaml(read_text(path, MAX_PROJECT_BYTES), path)


def is_config_file(path: Path) -> bool:
    """Whether a file is a configuration (ours or promptfoo's) and not one of cases."""
    if path.suffix.lower() not in YAML:
        return False
    config = _yaml(path)
    return _is_config(config) or is_promptfoo(config)


def _is_config(raw: Any) -> bool:
    return isinstance(raw, dict) and not CONFIG_KEYS.isdisjoint(cast("Row", raw))


def _check_has_cases(raw: Any, path: Path) -> None:
    """Refuse a YAML object that is no configuration and has no cases, naming what either would have."""
    if isinstance(raw, dict) and "cases" not in raw:
        found = ", ".join(one_line(str(key), 40) for key in list(cast("Row", raw))[:8]) or "none"
        raise SettingsError(
            f"this is neither a prompt-optimization configuration nor a list of cases; its keys: {found}",
            where=str(path),
            fix="a configuration has the keys task_description, target_model and evaluations; "
            "cases are a list, or under the key cases",
        )


def _file_in(folder: Path) -> Path:
    """The project or configuration in a folder, or the folder itself: then it should be one of cases."""
    names = (FILE, "config.yaml", "config.yml", *NAMES)
    return next((folder / name for name in names if is_file(folder / name)), folder)


def _copy_project(path: Path) -> Imported:
    project = load_project(path)
    settings = project.settings
    files: dict[str, bytes] = {}
    origin: dict[str, Path] = {}
    renamed: dict[str, str] = {}
    for key in ("file", *SPLITS):
        value: str | None = getattr(settings.data, key)
        if value is None or value.startswith("~") or Path(value).is_absolute():
            continue
        source = path.parent / value
        name = source.name
        if name == FILE or origin.get(name, source) != source:
            name = f"{key}-{name}"
        if is_folder(source):
            raise SettingsError(
                "a project with a folder of cases can't be copied",
                where=str(source),
                fix="make a new one of the folder itself: --from FOLDER",
            )
        if name not in files:
            files[name] = read_bytes(source, MAX_BYTES)
        origin[name] = source
        renamed[key] = name
    for module in _own_modules(settings):
        if is_file(path.parent / module):
            files.setdefault(module, read_bytes(path.parent / module, MAX_BYTES))
    data = settings.data.model_copy(update=renamed)
    return Imported(settings.model_copy(update={"data": data}), files, list(project.notices))


def _own_modules(settings: ProjectSettings) -> list[str]:
    """Files, beside the project file, of the functions that its ``callable`` checks name."""
    functions = [check.options.get("function") for check in settings.checks if check.type == "callable"]
    return [f"{function.split(':')[0]}.py" for function in functions if isinstance(function, str)]


def _converted(config: _Config, path: Path) -> dict[str, Any]:
    """The configuration as a project file would say it."""
    cases = [case for evaluation in config.evaluations for case in evaluation.cases]
    if not cases:
        raise SettingsError(
            "there are no cases: an assertion needs inputs to judge outputs of",
            where=f"{path}, evaluations",
            fix="add an evaluation of type input_output with cases; a case may have an input only",
        )
    description = config.task_description.strip()
    prompt = config.prompt.strip() or config.initial_prompt.strip() or description
    if not prompt:
        raise SettingsError("task_description is missing or empty", where=str(path))
    data: dict[str, Any] = {"cases": cases, "input": "input"}
    if any(case.get("expected") is not None for case in cases):
        data["expected"] = "expected"
    own: dict[str, Any] = {"name": config.optimizer.name, **(config.optimizer.model_extra or {})}
    if "plateau_threshold" in own:
        own.setdefault("plateau", own.pop("plateau_threshold"))
    return {
        "name": (config.name.strip() or _name_of(path))[:LONGEST_NAME],
        "prompt": prompt,
        "task": {"description": description},
        "models": _models(config),
        "optimizer": own,
        "budget": config.budget.model_dump(exclude_none=True),
        "data": data,
        "checks": _checks(config.evaluations, path, judged="expected" in data),
    }


def _name_of(path: Path) -> str:
    """The file's name, or its folder's if the file is just called config."""
    folder = path.absolute().parent.name
    return folder if path.stem.lower() in ("config", "project", "promptopt") and folder else path.stem


def _models(config: _Config) -> dict[str, Any]:
    target = config.target_model
    models: dict[str, Any] = {
        "target": {
            **target.model_dump(exclude={"provider"}, exclude_unset=True),
            "model": litellm_name(target.model, target.provider),
        }
    }
    optimizer = config.optimizer
    if optimizer.model is not None:
        own = {"name", "provider", *(optimizer.model_extra or {})}
        models["optimizer"] = {
            **optimizer.model_dump(exclude=own, exclude_none=True),
            "model": litellm_name(optimizer.model, optimizer.provider),
        }
    return models


def _checks(evaluations: Sequence[_Evaluation], path: Path, judged: bool) -> list[dict[str, Any]]:
    checks: list[dict[str, Any]] = [{"type": "exact"}] if judged else []
    names: set[str] = set()
    for number, evaluation in enumerate(evaluations):
        if evaluation.type == "input_output":
            continue
        if not (evaluation.code or "").strip():
            raise SettingsError(
                "the assertion has no code",
                where=f"{path}, evaluations[{number}].code",
                fix="give Python that asserts something of output, as in: assert len(output) < 80",
            )
        base = one_line(evaluation.name or evaluation.description, 80) or "assertion"
        name = base if base not in names else f"{base} ({number + 1})"
        names.add(name)
        check: dict[str, Any] = {"type": "assertion", "name": name, "code": evaluation.code}
        if evaluation.sandbox != "monty":
            check["sandbox"] = evaluation.sandbox
        if evaluation.hard:
            check["hard"] = True
        if evaluation.weight != 1.0:
            check["weight"] = evaluation.weight
        checks.append(check)
    return checks
