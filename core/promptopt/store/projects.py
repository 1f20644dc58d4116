"""Projects on disk: a folder with ``project.toml`` and its data files beside it."""

import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import OPTIMIZER_MODEL, ModelSettings, ProjectSettings
from promptopt.store.home import projects_dir
from promptopt.store.textfiles import closest, is_file, is_folder, parse_toml, read_text
from promptopt.store.validation import refuse_secrets, validate, walk

FILE = "project.toml"

ARCHIVED = ".archived"
"""A file that a project's folder has if lists shall leave it out."""

YAML = (".yaml", ".yml")
MAX_BYTES = 5_000_000
"""A project file larger than this is refused; many cases belong into a data file."""

LONGEST_SLUG = 60

NO_FILES: Mapping[str, bytes] = MappingProxyType({})

_RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")
_HEADER = "# A promptopt project. Keys that are not here have their defaults.\n\n"


@dataclass(frozen=True)
class Project:
    """A project file that was read: its settings, where it is, and what the reader should know about it."""

    settings: ProjectSettings
    path: Path
    dir: Path
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class ProjectEntry:
    """A project in the data directory.

    Attributes:
        name, slug, path: what it and its folder are called, and its file.
        error: why its file can't be used; empty if it can.
        archived: lists leave it out unless they are asked for such.
        changed_at: when its file was changed last, in seconds since the epoch.
    """

    name: str
    slug: str
    path: Path
    error: str = ""
    archived: bool = False
    changed_at: float = 0.0


def load_project(path: Path) -> Project:
    """Read a project: a project file, a folder with one, or a YAML configuration.

    Raises:
        SettingsError: the file can't be read; or its keys can't be used, all of them named.
    """
    if is_folder(path):
        folder, path = path, path / FILE
        if not is_file(path):
            raise SettingsError(f"the folder has no {FILE}", where=str(folder))
    suffix = path.suffix.lower()
    if suffix in YAML:
        from promptopt.store.importing import read_yaml_config

        settings, notices = read_yaml_config(path)
    elif suffix == ".toml":
        settings, notices = settings_from(parse_toml(read_text(path, MAX_BYTES), path), path)
    else:
        raise SettingsError(
            f"this is no project file: expected {FILE} or a YAML configuration",
            where=str(path),
            fix=f"to make a project of a file of cases: promptopt new NAME --from {path.name}",
        )
    return Project(settings, path, path.parent, tuple(notices))


def settings_from(raw: Mapping[str, Any], path: Path) -> tuple[ProjectSettings, list[str]]:
    """Settings and notices from the parsed project file ``path``.

    Raises:
        SettingsError: names every key that can't be used.
    """
    settings, notices = validate(ProjectSettings, raw, path)
    if not settings.name.strip():
        raise SettingsError("name: found only white space, expected a name", where=str(path))
    return settings, notices


def find_project(name_or_path: str) -> Path:
    """The project file that is meant: by path (file or folder), or by name or slug in the data directory.

    Raises:
        SettingsError: no such project; near names are suggested.
    """
    text = name_or_path.strip()
    if not text:
        raise SettingsError(
            "the name of the project is empty", fix="give a name, or the path of a project file"
        )
    path = _expanded(text)
    if is_file(path) and path.suffix.lower() in (".toml", *YAML):
        return path
    if is_file(path / FILE):
        return path / FILE
    entries = list_projects()
    named = _named(text, entries)
    if named is None:
        raise _not_found(text, path, entries)
    return named


def list_projects() -> list[ProjectEntry]:
    """The projects in the data directory by name; one with a bad file is listed with its error."""
    entries: list[ProjectEntry] = []
    for folder in projects_dir().iterdir():
        path = folder / FILE
        if folder.name.startswith(".") or not is_file(path):
            continue
        name, flaw = folder.name, ""
        try:
            name = load_project(path).settings.name
        except SettingsError as error:
            flaw = str(error)
        archived = is_file(folder / ARCHIVED)
        entries.append(ProjectEntry(name, folder.name, path, flaw, archived, _changed_at(path)))
    return sorted(entries, key=lambda entry: (entry.name.casefold(), entry.slug))


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def save_project(
    settings: ProjectSettings,
    directory: Path,
    data_files: Mapping[str, bytes] = NO_FILES,
    *,
    overwrite: bool = False,
) -> Path:
    """Write ``project.toml`` (what differs from the defaults, and the main keys) and files beside it.

    Each file is written whole or not at all.

    Args:
        settings: what to write.
        directory: the project's folder, made if it is not there.
        data_files: plain file name to content.
        overwrite: replace files that are there.

    Returns:
        The path of the project file.

    Raises:
        SettingsError: a file is there already, can't be written, or a setting can't be put into TOML.
    """
    path = directory / FILE
    files = {**data_files, FILE: _to_toml(settings, path)}
    for name in data_files:
        if (
            Path(name).name != name
            or re.search(r"[\\/:\0]", name)
            or name.casefold() in (FILE, "", ".", "..")
        ):
            raise SettingsError(f"{name!r} can't be the name of a data file", where=str(directory))
    write_files(directory, files, overwrite=overwrite)
    return path


def write_files(directory: Path, files: Mapping[str, bytes], *, overwrite: bool = False) -> None:
    """Write files into a project's folder (made if it is not there), in order, each whole or not at all.

    Raises:
        SettingsError: a file is there already, or can't be written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = [name for name in files if (directory / name).exists()]
        if there and not overwrite:
            raise _exists(directory / there[0])
        for name, content in files.items():
            write_file(directory / name, content, overwrite=overwrite)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(f"the project can't be written ({reason})", where=str(directory)) from error


def slugify(name: str) -> str:
    """A folder name for a project: lower-case letters and digits of any script with dashes between."""
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).lower())
    kept = "".join(char if unicodedata.category(char)[0] in "LNM" else "-" for char in text)
    slug = re.sub("-+", "-", kept).strip("-")[:LONGEST_SLUG].strip("-")
    if _RESERVED.fullmatch(slug):
        return f"{slug}-project"
    return slug or "project"


def _named(text: str, entries: Sequence[ProjectEntry]) -> Path | None:
    wanted = text.casefold()
    matches = [entry for entry in entries if wanted in (entry.name.casefold(), entry.slug.casefold())]
    if len(matches) > 1:
        matches = [entry for entry in matches if entry.slug == text] or matches
    if len(matches) > 1:
        slugs = ", ".join(entry.slug for entry in matches)
        raise SettingsError(f"several projects are named {text!r}", fix=f"give one of the slugs: {slugs}")
    return matches[0].path if matches else None


def _not_found(text: str, path: Path, entries: Sequence[ProjectEntry]) -> SettingsError:
    if is_folder(path):
        return SettingsError(f"the folder has no {FILE}", where=text)
    if is_file(path):
        fix = f"to make a project of this file: promptopt new NAME --from {text}"
        return SettingsError("this is no project file", where=text, fix=fix)
    if path.suffix.lower() in (".toml", *YAML) or "/" in text or os.sep in text:
        return SettingsError("there is no such project file", where=text)
    near = closest(text, [name for entry in entries for name in (entry.name, entry.slug)])
    if near:
        fix = f"did you mean {near!r}?"
    elif entries:
        fix = "there are: " + ", ".join(entry.name for entry in entries[:10])
    else:
        fix = "make one: promptopt new NAME"
    return SettingsError(f"there is no project {text!r}", where=str(projects_dir()), fix=fix)


def _expanded(text: str) -> Path:
    with suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def write_file(path: Path, content: bytes, *, overwrite: bool) -> None:
    """Put ``content`` at ``path`` in one step: no reader ever sees a part of it.

    Raises:
        SettingsError: there is a file already, and it may not be overwritten.
        OSError: it can't be written.
    """
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
            return
        try:
            path.hardlink_to(temporary)
        except FileExistsError:
            raise _exists(path) from None
        except OSError:  # a file system without hard links
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _exists(path: Path) -> SettingsError:
    return SettingsError(
        "there is such a file already, and it is not overwritten", where=str(path), fix="choose another name"
    )


def _to_toml(settings: ProjectSettings, path: Path) -> bytes:
    import tomli_w

    document = _document(settings)
    refuse_secrets(document, path)
    try:
        # The multi-line form would turn \r\n into \n.
        plain = any(isinstance(value, str) and "\r" in value for _, value in walk(document))
        text = tomli_w.dumps(document, multiline_strings=not plain)
        return (_HEADER + text).encode("utf-8")
    except (TypeError, ValueError) as error:
        raise SettingsError(f"a setting can't be written as TOML ({error})", where=str(path)) from error


def _document(settings: ProjectSettings) -> dict[str, Any]:
    """What the file says: the main keys always, others where they differ from their defaults."""
    document: dict[str, Any] = {"name": settings.name, "prompt": settings.prompt}
    document |= settings.model_dump(exclude_defaults=True)
    document["models"] = {role: _model_table(role, model) for role, model in settings.models.items()}
    document["optimizer"] = settings.optimizer.model_dump()
    if settings.data.cases:
        document["data"]["cases"] = [_case_table(case) for case in settings.data.cases]
    return _without_none(document)


def _model_table(role: str, model: ModelSettings) -> dict[str, Any]:
    table = model.model_dump(exclude_defaults=True)
    if role == "optimizer":
        # Its defaults are not those of the other roles.
        table |= model.model_dump(include=set(OPTIMIZER_MODEL))
    return table


def _case_table(case: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no null: a structured value that holds one becomes the JSON text that it is read as anyway."""
    return {
        key: json.dumps(value, ensure_ascii=False) if key != "checks" and _holds_none(value) else value
        for key, value in case.items()
        if value is not None
    }


def _holds_none(value: Any) -> bool:
    if isinstance(value, dict):
        return any(item is None or _holds_none(item) for item in cast("dict[str, Any]", value).values())
    if isinstance(value, list):
        return any(item is None or _holds_none(item) for item in cast("list[Any]", value))
    return False


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        table = cast("dict[str, Any]", value)
        return {key: _without_none(item) for key, item in table.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [_without_none(item) for item in cast("list[Any]", value)]
    return value
