"""Asking a person for several things: by a form in a cell, by questions, or not at all if nobody is there."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from promptopt.domain.errors import PromptoptError, SettingsError
from promptopt.notebook.host import in_colab, kernel
from promptopt.notebook.pumping import can_hear
from promptopt.notebook.wizards.fields import Field, Values

Way = Literal["form", "questions", "defaults"]


class Left(PromptoptError):
    """The person went away before it was done."""


class Nobody(Exception):
    """There is nobody to be asked, or nobody any more."""


@dataclass(frozen=True)
class Sheet:
    """What is asked for.

    Attributes:
        title: in a few words.
        fields: one after the other.
        preview: what comes of the values, in words, if they are right.
        previewed: what that is called.
        check: what is wrong with all values together, by the key of a field, or under ``""``.
        done: what the button says that ends it.
        about: a sentence above the fields.
        brief: what is left to see of it once it is done; default: the preview.
        files: saving to a file and loading from one, if that is offered.
    """

    title: str
    fields: tuple[Field, ...]
    preview: Callable[[Values], str]
    previewed: str
    check: Callable[[Values], Mapping[str, str]] | None = None
    done: str = "Use this"
    about: str = ""
    brief: Callable[[Values], str] | None = None
    files: "Files | None" = None


@dataclass(frozen=True)
class Files:
    """Keeping values in a file.

    Attributes:
        path: that is offered.
        load: reads values; raises a PromptoptError.
        save: writes values and returns where; raises a PromptoptError.
    """

    path: str
    load: Callable[[str], Values]
    save: Callable[[Values, str], str]


def way_here() -> Way:
    """How a person can be asked here: by a form, by questions, or not at all if nobody is there."""
    found = kernel()
    if found is None:
        return "questions" if _terminal() else "defaults"
    if in_colab():  # its kernel hears no widget while a cell waits, and its questions have a way of their own
        return "questions"
    if not getattr(found, "_allow_stdin", False):
        return "defaults"
    return "form" if find_spec("ipywidgets") is not None and can_hear() else "questions"


def chosen_way(way: Way | None) -> Way:
    """The way that is wanted, or the best one here.

    Raises:
        SettingsError: there is no such way, or not here.
    """
    if way is None:
        return way_here()
    if way not in ("form", "questions", "defaults"):
        raise SettingsError(f"found way={way!r}", where="way", fix="give form, questions or defaults")
    if way == "form":
        if kernel() is None or find_spec("ipywidgets") is None:
            fix = 'in a notebook: pip install "promptopt[notebook]"; elsewhere give way="questions"'
            raise SettingsError("a form needs a notebook and ipywidgets", where="way", fix=fix)
        if not can_hear():
            fix = 'give way="questions"'
            raise SettingsError("this kernel hears no form while a cell waits", where="way", fix=fix)
    return way


def ask(sheet: Sheet, values: Values, way: Way) -> Values:
    """Have a person go through the fields; returns the values that they agree to.

    Raises:
        Nobody: nobody is there, or nobody any more.
        Left: the cell was interrupted.
    """
    if way == "defaults":
        raise Nobody
    try:
        if way == "form":
            from promptopt.notebook.wizards.form import Form

            return Form(sheet, values).wait()
        from promptopt.notebook.wizards.questions import questions

        return questions(sheet, values)
    except KeyboardInterrupt:
        raise Left(
            f'"{sheet.title}" was interrupted before it was done',
            fix="carry the cell out again; nothing was kept of it, and nothing was sent",
        ) from None


def _terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # it was closed
        return False
