"""The datasets of an experiment file, each with the settings that its runs start from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from promptopt.domain.dataset import Dataset, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import DataSettings, ProjectSettings
from promptopt.domain.text import one_line
from promptopt.evaluation.metrics import check_table
from promptopt.experiments.config import ExperimentFile, Loaded
from promptopt.store.casefiles import load_dataset
from promptopt.store.caserows import format_of
from promptopt.store.importing import import_project, is_config_file, load_cases
from promptopt.store.projects import find_project, load_project, settings_from
from promptopt.store.textfiles import closest, is_file, is_folder

GENERIC = "Give the output that is expected for the input, and nothing else."
"""Where an experiment starts from if neither the file nor a project has a prompt or a task."""

_SPLITS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}
_OWN = ("name", "example", "project")
_DATA = (*DataSettings.model_fields, "val")


@dataclass(frozen=True)
class Source:
    """A dataset.

    Attributes:
        settings: what its runs start from, without optimizer, seed and budget.
        dir: that relative paths in the settings start from.
        split: that scores are measured on: the sealed test, or without one validation.
        notices: about it and its cases.
    """

    name: str
    settings: ProjectSettings
    dataset: Dataset
    dir: Path
    split: Split
    notices: tuple[str, ...]


def read_datasets(loaded: Loaded) -> list[Source]:
    """The datasets of an experiment.

    Raises:
        SettingsError: there is none, one can't be read, or a key is unknown.
    """
    sources: list[Source] = []
    for name, table, where in _listed(loaded.said.datasets, f"{loaded.path}: datasets"):
        source = _read(name, table, where, loaded)
        if any(other.name == source.name for other in sources):
            raise SettingsError(
                f"two datasets are called {source.name!r}", where=where, fix="give each a name of its own"
            )
        sources.append(source)
    return sources


def _listed(said: Any, where: str) -> list[tuple[str, dict[str, Any], str]]:
    """Name (may be empty), table and place of each dataset."""
    if isinstance(said, str):
        return [("", {"file": said}, where)]
    if isinstance(said, list) and said:
        return [
            (
                "",
                {"file": each} if isinstance(each, str) else _table(each, f"{where}[{at}]"),
                f"{where}[{at}]",
            )
            for at, each in enumerate(cast("list[Any]", said))
        ]
    if isinstance(said, Mapping) and said:
        table = cast("Mapping[str, Any]", said)
        if any(key in table for key in ("train", "file", "cases", "example", "project")):
            return [("", dict(table), where)]
        return [
            (key, {"file": value} if isinstance(value, str) else _table(value, f"{where}.{key}"),
             f"{where}.{key}")
            for key, value in table.items()
        ]  # fmt: skip
    raise SettingsError(
        "there is no dataset",
        where=where,
        fix="give train, val and test; or a list of examples, projects and files; or names with these",
    )


def _table(said: Any, where: str) -> dict[str, Any]:
    if not isinstance(said, Mapping):
        raise SettingsError(f"found {one_line(repr(said), 60)}, expected a path or a table", where=where)
    return dict(cast("Mapping[str, Any]", said))


def _read(name: str, table: dict[str, Any], where: str, loaded: Loaded) -> Source:
    known = [*_OWN, *_DATA]
    for key in table:
        if key not in known:
            near = closest(key, known)
            hint = f"did you mean {near!r}? " if near else ""
            raise SettingsError(f"unknown key {key!r}", where=where, fix=f"{hint}known: {', '.join(known)}")
    name = str(table.pop("name", "")) or name
    whole = [key for key in ("example", "project") if key in table]
    if len(table) > 1 and whole:
        raise SettingsError(f"{whole[0]} has cases of its own; beside it only name may stand", where=where)
    found = (
        _project(table, loaded) if whole or _is_project(table, loaded.dir) else _cases(table, where, loaded)
    )
    if name:
        found = replace(found, name=name)
    notices = list(found.notices)
    split: Split = "test" if found.dataset.test else "validation"
    if not found.dataset.test:
        notices.append(f"{found.name} has no sealed test: its scores are those of the validation cases")
    settings = _judged(found.settings, loaded.said)
    return replace(found, settings=settings, split=split, notices=tuple(notices))


def _is_project(table: Mapping[str, Any], folder: Path) -> bool:
    """Whether a bare path is that of a project, and not one of cases."""
    if list(table) != ["file"]:
        return False
    path = folder / Path(str(table["file"])).expanduser()
    if is_folder(path):
        return is_file(path / "project.toml")
    return path.suffix == ".toml" or (is_file(path) and not format_of(path)) or is_config_file(path)


def _project(table: Mapping[str, Any], loaded: Loaded) -> Source:
    if "example" in table:
        from promptopt.examples import example_dir

        project = load_project(example_dir(str(table["example"])))
        name = str(table["example"])
    else:
        said = str(table.get("project", table.get("file")))
        beside = loaded.dir / Path(said).expanduser()
        project = load_project(beside if is_file(beside) or is_folder(beside) else find_project(said))
        name = project.settings.name
    models = {**project.settings.models, **loaded.said.models}
    settings = project.settings.model_copy(update={"models": models})
    data = load_dataset(settings, project.dir)
    return Source(name, settings, data.dataset, project.dir, "test", (*project.notices, *data.notices))


def _cases(table: Mapping[str, Any], where: str, loaded: Loaded) -> Source:
    """A dataset of files alone: what is asked of the model stands in the experiment file."""
    said = loaded.said
    data = {_SPLITS.get(key, key): value for key, value in table.items()}
    notices: list[str] = []
    prompt = said.prompt or said.task.description
    if not prompt:
        prompt = GENERIC
        notices.append(f"the file has no prompt and no task: every run starts from {GENERIC!r}")
    raw: dict[str, Any] = {
        "name": loaded.said.experiment.name,
        "prompt": prompt,
        "task": said.task.model_dump(mode="json", exclude_unset=True),
        "models": {role: m.model_dump(mode="json", exclude_unset=True) for role, m in said.models.items()},
        "data": data,
    }
    if "target" not in raw["models"]:
        raise SettingsError(
            "there is no model to run the prompts on",
            where=str(loaded.path),
            fix='give models: {target: "openai/gpt-4o-mini"}, or the option --model; to rehearse: --simulate',
        )
    settings, told = settings_from(raw, loaded.path)
    first = data.get("train") or data.get("file")
    if isinstance(first, str) and not {"input", "expected"} & data.keys():
        settings = _with_columns(settings, loaded.dir / Path(first).expanduser())
    if isinstance(data.get("file"), str) and is_folder(loaded.dir / str(data["file"])):
        found, more = load_cases(loaded.dir / str(data["file"]))
        return Source(
            _stem(data), settings, found.dataset, loaded.dir, "test", (*notices, *more, *found.notices)
        )
    read = load_dataset(settings, loaded.dir)
    return Source(_stem(data), settings, read.dataset, loaded.dir, "test", (*notices, *told, *read.notices))


def _with_columns(settings: ProjectSettings, path: Path) -> ProjectSettings:
    """Columns that nobody names are recognized as for a new project."""
    if not is_file(path):
        return settings
    found = import_project(path).settings.data
    columns = {"input": found.input, "expected": found.expected}
    return settings.model_copy(update={"data": settings.data.model_copy(update=columns)})


def _stem(data: Mapping[str, Any]) -> str:
    named = data.get("file")
    return Path(str(named)).name.partition(".")[0] if named else "data"


def _judged(settings: ProjectSettings, said: ExperimentFile) -> ProjectSettings:
    """The settings with the experiment's metrics, repeats and judges."""
    changes: dict[str, Any] = {}
    evaluation = said.evaluation
    if evaluation.metrics:
        changes["checks"] = [
            check_table(one, "evaluation.metrics") if isinstance(one, str) else one
            for one in evaluation.metrics
        ]
    if "repeats" in evaluation.model_fields_set:
        changes["evaluation"] = {"repeats": evaluation.repeats}
    if evaluation.judges and "judge" not in settings.models:
        changes["models"] = {"judge": judge_model(evaluation.judges[0])[1]}
    if not changes:
        return settings
    raw = settings.model_dump(mode="json", exclude_unset=True)
    changes["models"] = {**raw["models"], **changes.get("models", {})}
    return ProjectSettings.model_validate({**raw, **changes})


def judge_model(said: str | Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and table of a judge."""
    if isinstance(said, str):
        return said, {"model": said}
    table = dict(said)
    name = str(table.pop("name", "") or table.get("model", ""))
    return name, table
