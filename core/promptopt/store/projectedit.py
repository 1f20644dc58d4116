"""A project file under edit: comments, order and spelling of what is not changed stay as they are.

The text is the truth: what the file says is always read from it, by the reader that reads projects. tomlkit
changes the text; whether it then says what was meant, and nothing else, is looked at after each change.
"""

import hashlib
import stat
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.store.projects import FILE, MAX_BYTES, YAML, settings_from, write_file
from promptopt.store.textfiles import decode, is_folder, parse_toml, read_bytes
from promptopt.store.validation import Flaw, KeyPath, dotted, judge, refuse_secrets

if TYPE_CHECKING:
    from tomlkit import TOMLDocument

MOST_UNDONE = 200
"""Changes that can be taken back."""

_NO_PLACE = (TypeError, KeyError, IndexError, AttributeError)
"""What setting something inside a value raises that is no table or list."""

_MARK = b"\xef\xbb\xbf"
"""Some editors begin a file with it; it stays where it is."""


class ChangedOutside(SettingsError):
    """The file is not what it was when it was opened; writing it would undo what somebody else wrote."""


class ProjectDocument:
    """One project file, as text.

    Args:
        path: the file.
        text: what it says.
        digest: of its bytes on the disk.
    """

    def __init__(self, path: Path, text: str, digest: str) -> None:
        self.path = path
        self._saved = text
        self._text = text
        self._digest = digest
        self._stat = _stat(path)
        self._mark = b""
        self._before: list[str] = []
        self._after: list[str] = []
        self._data = parse_toml(text, path)

    @classmethod
    def open(cls, path: Path) -> "ProjectDocument":
        """Read a project file, or that of a folder.

        Raises:
            SettingsError: it can't be read, is no TOML, or is YAML, which can't be edited without loss.
        """
        if is_folder(path):
            path = path / FILE
        if path.suffix.lower() in YAML:
            raise SettingsError(
                "a project in YAML is not edited here, for its comments would be lost",
                where=str(path),
                fix=f"make a TOML project of it: promptopt new NAME --from {path.name}",
            )
        content = read_bytes(path, MAX_BYTES)
        document = cls(path, decode(content, path), hashlib.sha256(content).hexdigest())
        document._mark = _MARK if content.startswith(_MARK) else b""
        return document

    # What it says

    @property
    def text(self) -> str:
        """The file as it would be written."""
        return self._text

    @property
    def saved(self) -> str:
        """The file as it was read or written last."""
        return self._saved

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return self._text != self._saved

    @property
    def data(self) -> dict[str, Any]:
        """The parsed file. Do not change it."""
        return self._data

    def get(self, keys: KeyPath, default: Any = None) -> Any:
        """The value at a place, or ``default`` if the file does not say it."""
        value: Any = self._data
        for key in keys:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return default
        return value

    def table(self, keys: KeyPath) -> dict[str, Any]:
        """The table at a place; empty if there is none, or something else."""
        value = self.get(keys)
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

    def items(self, keys: KeyPath) -> list[Any]:
        """The list at a place; empty if there is none, or something else."""
        value = self.get(keys)
        return cast("list[Any]", value) if isinstance(value, list) else []

    def check(self) -> tuple[ProjectSettings | None, list[Flaw], list[str]]:
        """The settings that it makes, what is wrong with which key, and notices of keys that are ignored."""
        try:
            refuse_secrets(self._data, self.path)
        except SettingsError as error:
            return None, [Flaw((), f"{error.what}. {error.fix}".rstrip(". "))], []
        return judge(ProjectSettings, self._data)

    def flaw_if(self, keys: KeyPath, value: Any) -> str:
        """What would be wrong at ``keys`` if the value there were ``value``; empty if nothing."""
        meant = deepcopy(self._data)
        try:
            _put(meant, keys, value)
            refuse_secrets(meant, self.path)
        except _NO_PLACE:
            return str(self._refused(keys).what)
        except SettingsError as error:
            return f"{error.what}. {error.fix}".rstrip(". ")
        _, flaws, _ = judge(ProjectSettings, meant)
        return next((flaw.text for flaw in flaws if flaw.keys[: len(keys)] == keys), "")

    # Changing it

    def set(self, keys: KeyPath, value: Any) -> None:
        """Say that the value at ``keys`` is ``value``; tables on the way are made.

        Args:
            keys: as in ``("models", "target", "temperature")``, ``("checks", 0, "weight")``. A number that is
                the length of its list adds to it.
            value: text, number, truth value, or a list or table of such.

        Raises:
            SettingsError: TOML can't say that there.
        """
        meant = deepcopy(self._data)
        try:
            _put(meant, keys, value)
        except _NO_PLACE as error:
            raise self._refused(keys) from error
        if not _same(self._data, meant):
            self._change(keys, meant, partial(_put_item, keys=keys, value=value))

    def unset(self, keys: KeyPath) -> None:
        """Let the file not say it any more, so that the default holds. Nothing happens if it does not say it.

        Raises:
            SettingsError: the file is written in a way from which it can't be taken out.
        """
        missing = object()
        if self.get(keys, missing) is missing:
            return
        meant = deepcopy(self._data)
        del _at(meant, keys[:-1])[keys[-1]]
        self._change(keys, meant, partial(_take_out, keys=keys))

    def replace(self, text: str) -> None:
        """Make the whole text another one, as written by a person.

        Raises:
            SettingsError: it is no TOML.
        """
        if text != self._text:
            self._accept(text, parse_toml(text, self.path))

    def undo(self) -> bool:
        """Take the last change back; False if there is none."""
        return self._step(self._before, self._after)

    def redo(self) -> bool:
        """Make the change again that was taken back; False if there is none."""
        return self._step(self._after, self._before)

    def _step(self, source: list[str], target: list[str]) -> bool:
        if not source:
            return False
        target.append(self._text)
        self._text = source.pop()
        self._data = parse_toml(self._text, self.path)
        return True

    def _change(
        self, keys: KeyPath, meant: Mapping[str, Any], change: Callable[["TOMLDocument"], None]
    ) -> None:
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        try:
            document = tomlkit.parse(self._text)
            change(document)
            text = tomlkit.dumps(document)
            data = parse_toml(text, self.path)
        except (
            TOMLKitError,
            SettingsError,
            KeyError,
            IndexError,
            TypeError,
            ValueError,
            AttributeError,
        ) as e:
            raise self._refused(keys) from e
        if not _same(data, meant):
            raise self._refused(keys)
        self._accept(text, data)

    def _accept(self, text: str, data: dict[str, Any]) -> None:
        if text == self._text:
            return
        self._before.append(self._text)
        del self._before[:-MOST_UNDONE], self._after[:]
        self._text, self._data = text, data

    def _refused(self, keys: KeyPath) -> SettingsError:
        return SettingsError(
            f"{dotted(keys)} can't be changed here: the file is written in a way that would not survive it",
            where=str(self.path),
            fix="change it in an editor",
        )

    # On the disk

    def outside(self) -> str | None:
        """What the file says now, if that is not what it said when it was read; None if it is the same.

        Raises:
            SettingsError: it can't be read any more.
        """
        found = _stat(self.path)
        if found is not None and found == self._stat:
            return None
        content = read_bytes(self.path, MAX_BYTES)
        if hashlib.sha256(content).hexdigest() == self._digest:
            self._stat = found
            return None
        return decode(content, self.path)

    def reload(self) -> None:
        """Read the file anew; what was changed here is lost but for :meth:`undo`.

        Raises:
            SettingsError: it can't be read, or is no TOML.
        """
        fresh = ProjectDocument.open(self.path)
        self._accept(fresh._text, fresh._data)
        self._saved, self._digest, self._stat, self._mark = (
            fresh._saved,
            fresh._digest,
            fresh._stat,
            fresh._mark,
        )

    def save(self, *, force: bool = False) -> None:
        """Write the file, whole or not at all; its mode stays, and a link stays a link.

        Args:
            force: also over what somebody else has written meanwhile.

        Raises:
            ChangedOutside: the file was changed since it was read.
            SettingsError: it holds a secret, or can't be written.
        """
        refuse_secrets(self._data, self.path)
        if not force and self._differs():
            raise ChangedOutside(
                "the file was changed by somebody else since it was opened",
                where=str(self.path),
                fix="look at the difference, then read it anew or write yours over it",
            )
        content = self._mark + self._text.encode("utf-8")
        place = self.path.resolve()
        try:
            mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
            write_file(place, content, overwrite=True)
            if mode is not None:
                place.chmod(mode)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingsError(f"the file can't be written ({reason})", where=str(self.path)) from error
        self._saved = self._text
        self._digest = hashlib.sha256(content).hexdigest()
        self._stat = _stat(self.path)

    def _differs(self) -> bool:
        try:
            return self.outside() is not None
        except SettingsError:
            return self.path.exists()  # one that was taken away is written anew


def rename(path: Path, name: str) -> None:
    """Give a project another name; all else in its file stays as it is.

    Raises:
        SettingsError: the file can't be read or written, or the name can't be used.
    """
    document = ProjectDocument.open(path)
    document.set(("name",), name)
    settings_from(document.data, path)
    document.save()


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _at(data: Any, keys: KeyPath) -> Any:
    for key in keys:
        data = data[key]
    return data


def _put(data: Any, keys: KeyPath, value: Any) -> None:
    """Set ``value`` in plain data."""
    here = data
    for place, key in enumerate(keys[:-1]):
        empty: Any = [] if isinstance(keys[place + 1], int) else {}
        if isinstance(here, list):
            _grow(cast("list[Any]", here), key, empty)
        elif key not in here:
            here[key] = empty
        here = cast(Any, here)[key]
    if isinstance(here, list):
        _grow(cast("list[Any]", here), keys[-1], value)
    cast(Any, here)[keys[-1]] = value


def _grow(items: list[Any], key: str | int, value: Any) -> None:
    if key == len(items):
        items.append(value)


def _put_item(document: "TOMLDocument", keys: KeyPath, value: Any) -> None:
    """The same in a document of tomlkit."""
    import tomlkit

    here: Any = document
    for place, key in enumerate(keys[:-1]):
        below = keys[place + 1]
        if isinstance(key, int) and key == len(here):
            here.append(tomlkit.table() if _is_tables(here) else tomlkit.inline_table())
        elif isinstance(key, str) and key not in here:
            many = isinstance(below, int) and (place + 2 < len(keys) or isinstance(value, dict))
            new: Any = tomlkit.aot() if many else tomlkit.array() if isinstance(below, int) else None
            here[key] = (
                (tomlkit.table() if _is_table(here) else tomlkit.inline_table()) if new is None else new
            )
        here = here[key]
    last = keys[-1]
    if isinstance(last, int) and last == len(here):
        here.append(_table(value) if _is_tables(here) else _item(value))
    else:
        here[last] = _item(value) if not (isinstance(value, dict) and _is_table(here)) else _table(value)


def _take_out(document: "TOMLDocument", keys: KeyPath) -> None:
    here: Any = _at(document, keys[:-1])
    del here[keys[-1]]


def _is_tables(here: Any) -> bool:
    from tomlkit.items import AoT

    return isinstance(here, AoT)


def _is_table(here: Any) -> bool:
    from tomlkit.container import OutOfOrderTableProxy
    from tomlkit.items import Table
    from tomlkit.toml_document import TOMLDocument

    return isinstance(here, TOMLDocument | Table | OutOfOrderTableProxy)


def _table(value: Any) -> Any:
    """A table with a heading of its own, as people write checks and models."""
    import tomlkit

    table = tomlkit.table()
    for key, item in value.items():
        table[key] = _item(item)
    return table


def _item(value: Any) -> Any:
    """A value as a person would write it: a text of several lines between three quotes."""
    import tomli_w
    import tomlkit

    if isinstance(value, str) and "\n" in value and "\r" not in value:
        return tomlkit.parse(tomli_w.dumps({"x": value}, multiline_strings=True))["x"]
    return value


def _same(one: Any, other: Any) -> bool:
    """Whether two parsed values are equal, and of the same types: 1 is not 1.0, nor true."""
    if isinstance(one, dict) and isinstance(other, Mapping):
        left, right = cast("dict[str, Any]", one), cast("Mapping[str, Any]", other)
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(one, list) and isinstance(other, list | tuple):
        items, others = cast("list[Any]", one), cast("list[Any]", other)
        return len(items) == len(others) and all(map(_same, items, others))
    return type(cast(object, one)) is type(cast(object, other)) and one == other
