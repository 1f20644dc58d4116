"""Making project settings of other files: cases, a YAML configuration, another project."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.dataset import SPLITS
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import BudgetSettings, ModelSettings, OptimizerSettings, ProjectSettings
from promptopt.domain.text import one_line
from promptopt.store.casefiles import ANSWERS
from promptopt.store.caserows import FORMATS, MAX_BYTES, Row, Table, parse_table
from promptopt.store.projects import FILE, YAML, load_project, settings_from
from promptopt.store.projects import MAX_BYTES as MAX_PROJECT_BYTES
from promptopt.store.textfiles import is_file, is_folder, parse_yaml, read_bytes, read_text
from promptopt.store.validation import validate

LONGEST_NAME = 100
CONFIG_KEYS = {"task_description", "target_model", "evaluations", "models"}

DEFAULT_TARGET = "openai/gpt-4o-mini"

INPUTS = (
    *("input", "text", "question", "prompt", "ticket", "message", "query", "sentence", "review", "email"),
    *(
        "comment",
        "body",
        "content",
        "document",
        "instruction",
        "request",
        "utterance",
        "source",
        "description",
    ),
    *("title", "inputs", "context"),
)
"""Names under which people keep the input, best first."""

COMPANIONS = ("context", "passage")
"""Columns that a question can't be answered without."""

NOT_INPUT = {"id", "group", "tags", "weight", "checks", "split"}

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


def import_project(source: Path, name: str | None = None) -> tuple[ProjectSettings, dict[str, bytes]]:
    """Settings for a new project made of a file or folder.

    Args:
        source: a project file or a folder with one, a YAML configuration, or a file of cases.
        name: of the new project; by default that of the source.

    Returns:
        The settings, and the data files to put beside the project file (plain name to content). Relative
        paths in the settings name these; absolute paths stay.

    Raises:
        SettingsError: the source can't be used.
    """
    path = _file_in(source) if is_folder(source) else source
    suffix = path.suffix.lower()
    if suffix == ".toml" or (suffix in YAML and _is_config(_yaml(path))):
        settings, files = _copy_project(path)
    elif suffix in FORMATS:
        settings, files = _from_cases(path)
    else:
        kinds = ", ".join((".toml", *FORMATS))
        what = (
            "there is no such file" if not is_file(path) else f"unknown kind of file, expected one of {kinds}"
        )
        raise SettingsError(what, where=str(path))
    if name is not None:
        if not name.strip() or len(name) > LONGEST_NAME:
            raise SettingsError(f"the name has {len(name.strip())} characters, expected 1 to {LONGEST_NAME}")
        settings = settings.model_copy(update={"name": name})
    return settings, files


def read_yaml_config(path: Path) -> tuple[ProjectSettings, list[str]]:
    """Settings and notices from a YAML configuration (or from a project file written in YAML).

    Raises:
        SettingsError: names every key that can't be used.
    """
    content = _yaml(path)
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


def _is_config(raw: Any) -> bool:
    return isinstance(raw, dict) and not CONFIG_KEYS.isdisjoint(cast("Row", raw))


def _file_in(folder: Path) -> Path:
    for name in (FILE, "config.yaml", "config.yml"):
        if is_file(folder / name):
            return folder / name
    raise SettingsError(f"the folder has no {FILE} and no config.yaml", where=str(folder))


def _copy_project(path: Path) -> tuple[ProjectSettings, dict[str, bytes]]:
    settings = load_project(path).settings
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
        if name not in files:
            files[name] = read_bytes(source, MAX_BYTES)
        origin[name] = source
        renamed[key] = name
    for module in _own_modules(settings):
        if is_file(path.parent / module):
            files.setdefault(module, read_bytes(path.parent / module, MAX_BYTES))
    data = settings.data.model_copy(update=renamed)
    return settings.model_copy(update={"data": data}), files


def _own_modules(settings: ProjectSettings) -> list[str]:
    """Files, beside the project file, of the functions that its ``callable`` checks name."""
    functions = [check.options.get("function") for check in settings.checks if check.type == "callable"]
    return [f"{function.split(':')[0]}.py" for function in functions if isinstance(function, str)]


def _from_cases(path: Path) -> tuple[ProjectSettings, dict[str, bytes]]:
    content = read_bytes(path, MAX_BYTES)
    table = parse_table(content, path)
    inputs, expected = _guess_columns(table)
    data: dict[str, Any] = {"file": path.name, "input": inputs[0] if len(inputs) == 1 else inputs}
    checks: list[dict[str, Any]] = []
    if expected is not None:
        data["expected"] = expected
        objects = all(_is_object(row.get(expected)) for row in table.rows)
        checks = [{"type": "json_fields" if objects else "exact"}]
    raw = {
        "name": path.stem[:LONGEST_NAME],
        "prompt": _seed_prompt(inputs, expected),
        "models": {"target": {"model": DEFAULT_TARGET}},
        "data": data,
        "checks": checks,
    }
    return settings_from(raw, path)[0], {path.name: content}


def _guess_columns(table: Table) -> tuple[list[str], str | None]:
    """The columns of the input and of the expected output, by their names.

    Raises:
        SettingsError: no column can be the input.
    """
    columns = [name for name in table.columns if name.lower() not in NOT_INPUT]
    expected = _best(columns, ANSWERS)
    others = [name for name in columns if name != expected]
    first = _best(others, INPUTS)
    if expected is None and first is not None and len(columns) == 2:
        expected = next(name for name in columns if name != first)
    if first is None:
        inputs = others
    else:
        inputs = [
            first,
            *(name for name in others if name.lower() in COMPANIONS and name not in (first, expected)),
        ]
    if not inputs:
        raise SettingsError(
            f"no column can be the input; the columns are: {', '.join(table.columns) or 'none'}",
            where=table.source,
            fix="name the column of the input 'input'",
        )
    return inputs, expected


def _best(columns: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The column whose name stands first in ``wanted``, case and spaces ignored."""
    plain = {re.sub(r"[\s-]+", "_", name.strip()).lower(): name for name in reversed(columns)}
    return next((plain[name] for name in wanted if name in plain), None)


def _is_object(value: Any) -> bool:
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    return isinstance(value, dict)


def _seed_prompt(inputs: Sequence[str], expected: str | None) -> str:
    given = " and the ".join(name.replace("_", " ") for name in inputs)
    answer = f"Answer with the {expected.replace('_', ' ')} and nothing else." if expected else "Answer it."
    return f"You are given the {given}. {answer}"


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
