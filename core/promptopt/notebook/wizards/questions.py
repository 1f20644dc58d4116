"""A sheet as questions, one after the other, for a terminal and for notebooks without widgets."""

from promptopt.domain.errors import PromptoptError
from promptopt.domain.text import one_line, sanitize
from promptopt.notebook.wizards.asking import Files, Nobody, Sheet
from promptopt.notebook.wizards.fields import LISTED, Field, Unread, Values, complaints

SHOWN = 160
"""Characters of a default that are shown."""

EMPTY = "-"
"""What is typed to leave a field empty."""


def questions(sheet: Sheet, values: Values) -> Values:
    """Ask for each field, show what comes of it, and ask whether to use that; else from the beginning.

    Raises:
        Nobody: there is no answer any more.
    """
    print(sanitize(f"{sheet.title}\n{'=' * len(sheet.title)}"))
    if sheet.about:
        print(sanitize(sheet.about))
    print(f"Enter takes what stands in brackets; {EMPTY} leaves it empty. In lists put ; between.")
    given = dict(values)
    while True:
        _once(sheet, given)
        print(sanitize(f"\n{sheet.previewed}:"))
        print(f"{_indented(sheet.preview(given))}\n")
        if _agreed(f"{sheet.done}? [yes, or no to go through it again]: "):
            if sheet.files:
                _keep(sheet.files, given)
            return given


def _once(sheet: Sheet, given: Values) -> None:
    """One round; ``given`` has the answers then, and all of them are right."""
    group = ""
    for field in sheet.fields:
        if field.group != group:
            group = field.group
            print(sanitize(f"\n{group}"))
        given[field.key] = _one(field, given[field.key])
    while wrong := complaints(sheet.fields, given, sheet.check):
        for key, said in wrong.items():
            print(sanitize(f"✗ {said}"))
            for field in sheet.fields:
                if field.key == key or (not key and field is sheet.fields[0]):
                    given[field.key] = _one(field, given[field.key])


def _one(field: Field, default: object) -> object:
    """Ask until the answer is right."""
    told = f": {field.help}" if field.help else ""
    print(sanitize(f"{field.label}{told}"))
    for number, option in enumerate(field.options, 1):
        print(sanitize(f"  {number}  {one_line(option, LISTED)}"))
    shown = one_line(field.typed(default), SHOWN)
    while True:
        typed = _typed(f"  {field.key} [{shown}]: ")
        try:
            value = default if not typed else field.read("" if typed == EMPTY else _picked(field, typed))
        except Unread as error:
            print(sanitize(f"  ✗ {error}"))
            continue
        if said := field.complaint(value):
            print(sanitize(f"  ✗ {said}"))
            continue
        return value


def _picked(field: Field, typed: str) -> str:
    """An option of a text by its number, else what was typed."""
    offered = field.options if field.kind == "text" else ()
    if typed.isdecimal() and 1 <= int(typed) <= len(offered):
        return offered[int(typed) - 1]
    return typed


def _agreed(question: str) -> bool:
    while True:
        typed = _typed(question).lower()
        if typed in ("", "y", "yes"):
            return True
        if typed in ("n", "no"):
            return False


def _keep(files: Files, given: Values) -> None:
    while True:
        shown = f"enter for {files.path}, {EMPTY} for none" if files.path else "enter for none"
        typed = _typed(f"save it as (a path; {shown}): ") or files.path
        if typed in ("", EMPTY):
            return
        try:
            print(sanitize(f"saved: {files.save(given, typed)}"))
            return
        except PromptoptError as error:
            print(sanitize(f"✗ {error}"))


def _typed(question: str) -> str:
    try:
        return input(sanitize(question)).strip()
    except (EOFError, OSError, NotImplementedError) as error:
        raise Nobody from error


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}" for line in sanitize(text).splitlines())
