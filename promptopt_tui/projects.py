"""The client's part for projects on the disk, and for what is put away. Its methods wait for the disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptopt_tui import errands

if TYPE_CHECKING:
    from promptopt.domain.describing import Setting
    from promptopt.examples import ExampleTask
    from promptopt.store.casebook import CaseBook
    from promptopt.store.database import Database
    from promptopt.store.projectedit import ProjectDocument

Ask = Callable[[str, Sequence[str]], str | None]
"""Asks a person which of several answers; None if there was none."""

Undo = Callable[[], object]
"""Takes back what was done."""


LONG = 600.0
"""Seconds for which a model's reply is waited for."""

PROGRAM = "python"
"""A check by a function of the program that started the run: no file can name one."""


@dataclass(frozen=True)
class CheckType:
    """A type of check: what it does, and its own settings."""

    about: str
    settings: Sequence[Setting]


class Projects:
    """Making, copying and putting away projects and runs.

    Args:
        database: gives the store, opened when it is first needed.
    """

    def __init__(self, database: Callable[[], Database]) -> None:
        self._database = database

    # New ones

    def examples(self) -> list[ExampleTask]:
        """The example tasks that come with promptopt."""
        from promptopt.examples import examples

        return examples()

    def free_name(self, name: str) -> str:
        """This name, or one like it that no project has."""
        from promptopt.store.newprojects import free_name

        return free_name(name)

    def refuse_name(self, name: str) -> str:
        """Why a new project can't be called so; empty if it can."""
        from promptopt.domain.errors import SettingsError
        from promptopt.store.newcases import LONGEST_NAME
        from promptopt.store.newprojects import taken

        if len(name) > LONGEST_NAME:
            return f"that are {len(name)} characters, expected at most {LONGEST_NAME}"
        try:
            folder = taken(name)
        except SettingsError as error:
            return error.what
        return f"there is such a project already: {folder}" if folder else ""

    def from_template(self, name: str) -> Path:
        """A small commented project."""
        from promptopt.store.newprojects import from_template

        return from_template(name)

    def from_example(self, example: str, name: str) -> Path:
        """A copy of an example task."""
        from promptopt.store.newprojects import from_example

        return from_example(example, name)

    def from_source(self, source: Path, name: str, ask: Ask) -> tuple[Path, list[str]]:
        """A project of a file or folder of cases, a configuration or a project; and what is to be told."""
        from promptopt.evaluation.checks.options import refusal
        from promptopt.store.newprojects import from_source

        path, _, notices = from_source(source, name, ask=ask, accepts=refusal)
        return path, notices

    def duplicate(self, path: Path, name: str) -> Path:
        """A copy of a project's folder."""
        from promptopt.store.newprojects import duplicate

        return duplicate(path, name)

    # Under edit

    def open(self, path: Path) -> ProjectDocument:
        """A project file to be edited."""
        from promptopt.store.projectedit import ProjectDocument

        return ProjectDocument.open(path)

    def checks(self) -> dict[str, CheckType]:
        """The types of checks that a project file can name."""
        from promptopt.domain.describing import fields_of
        from promptopt.evaluation.checks.options import CHECKS

        return {
            name: CheckType(_about(kind), fields_of(kind)) for name, kind in CHECKS.items() if name != PROGRAM
        }

    def comply(self, path: Path, settings: Mapping[str, str]) -> None:
        """Write what a project may send into its file.

        Args:
            settings: ``pii``, ``secrets``: allow, redact or block.

        Raises:
            SettingsError: the file can't be read or written, or a profile asks for more.
        """
        from promptopt.domain.errors import SettingsError

        document = self.open(path)
        for key, value in settings.items():
            if flaw := document.flaw_if(("compliance", key), value):
                raise SettingsError(flaw, where=f"{path}: compliance.{key}")
            document.set(("compliance", key), value)
        document.save()

    def what_is_sent(self, path: Path, text: str) -> dict[str, Any]:
        """What a project would send of personal data and secrets, if its file said ``text``."""
        return errands.about(path, text, "check", "{}")["compliance"]

    def check_flaw(self, table: Any) -> str:
        """Why there is no check of this table of a project file; empty if there is one."""
        from promptopt.evaluation.checks.options import refusal

        return refusal(table) if isinstance(table, dict) and isinstance(table.get("type"), str) else ""

    def optimizers(self) -> dict[str, str]:
        """The optimizers that there are, and what each does, in a line."""
        return {each["name"]: each["summary"] or each["error"] for each in errands.ask("optimizers")}

    def optimizer(self, name: str) -> list[Setting]:
        """The settings of an optimizer."""
        from promptopt.domain.describing import Setting

        found = errands.ask("optimizers", name)["settings"]
        return [Setting(**{**each, "choices": tuple(each["choices"])}) for each in found]

    def estimate(self, path: Path, text: str) -> dict[str, Any]:
        """What a run of the project would need if its file said ``text``."""
        return errands.about(path, text, "estimate", "{}")

    def doctor(self, path: Path, text: str) -> list[dict[str, Any]]:
        """What is found of the project's models: keys, endpoints, prices. Nothing is spent."""
        found = errands.about(path, text, "doctor", "{}")
        return [
            each for each in found if " model " in f" {each['check']}" or each["check"].startswith("judge ")
        ]

    def check(self, path: Path, text: str, output: str, case_id: str, *, ask: bool) -> dict[str, Any]:
        """What the project's checks say of an output for a case, if its file said ``text``."""
        asking = ["--ask"] if ask else []
        chosen = ["--case", case_id] if case_id else []
        return errands.about(path, text, "check", "{}", "--output", "-", *chosen, *asking, stdin=output)

    def draft_quote(self, description: str, model: str, count: int) -> dict[str, Any]:
        """What drafting a task may cost at most; nothing is sent."""
        return errands.ask("draft", description, "--model", model, "--cases", str(count), "--quote")

    def draft(self, description: str, model: str, count: int) -> dict[str, Any]:
        """A drafted task: prompt, checks, cases."""
        arguments = (description, "--model", model, "--cases", str(count))
        return errands.ask("draft", *arguments, patience=LONG)

    def from_draft(self, name: str, draft: dict[str, Any], models: dict[str, str]) -> Path:
        """A project of what was confirmed of a draft."""
        from promptopt.store.newprojects import from_draft

        return from_draft(name, draft, models)

    def grow(
        self, path: Path, text: str, model: str, count: int, wish: str, *, quote: bool = False
    ) -> dict[str, Any]:
        """More cases like those of a project whose file says ``text``; or what they may cost at most."""
        arguments = ["--count", str(count), "--wish", wish, "--model", model]
        return errands.about(
            path, text, "grow", "{}", *arguments, *(["--quote"] if quote else []), patience=LONG
        )

    def splits(self, path: Path, text: str) -> dict[str, str]:
        """Which case is in which split, if the project's file said ``text``."""
        return errands.about(path, text, "data", "splits", "{}")

    def as_json_lines(self, book: CaseBook, folder: Path) -> dict[str, str]:
        """Write the cases of a book into files of JSON Lines; the key of ``data`` to the name of each."""
        from promptopt.store.casebook import as_json_lines
        from promptopt.store.projects import write_files

        made = as_json_lines(book, folder)
        write_files(folder, dict(made.values()))
        return {key: name for key, (name, _) in made.items()}

    def import_cases(
        self, path: Path, book: CaseBook | None, folder: Path
    ) -> tuple[list[dict[str, Any]], list[str], dict[str, Any]]:
        """The cases of a file for a project.

        Returns:
            Their rows, notices, and what ``data`` has to say: nothing if the rows go into a file that is
            there, else the file that was made of them (and of the cases that stood in the project file).
        """
        from promptopt.store.casebook import import_rows, lines_file
        from promptopt.store.importing import import_project
        from promptopt.store.projects import write_files

        if book is None:
            made = import_project(path)
            write_files(folder, made.files)
            said = made.settings.data.model_dump(exclude_defaults=True)
            return [], made.notices, said
        rows, notices = import_rows(path, book.columns)
        if book.files:
            return rows, notices, {}
        name, content = lines_file([*(entry.row for entry in book.entries), *rows], folder)
        write_files(folder, {name: content})
        return rows, notices, {"file": name}

    # Put away

    def archive(self, path: Path, archived: bool) -> Undo:
        """Leave a project out of lists, or take it in again."""
        from promptopt.store.shelf import archive

        archive(path, archived)
        return lambda: archive(path, not archived)

    def delete(self, path: Path) -> Undo:
        """Move a project into the trash."""
        from promptopt.store.shelf import delete, restore, tidy

        trashed = delete(path, self._database())
        tidy(self._database())
        return lambda: restore(trashed)

    def archive_run(self, run_id: str, archived: bool) -> Undo:
        """Leave a run out of lists, or take it in again."""
        from promptopt.store.runs import Runs

        runs = Runs(self._database())
        runs.archive(run_id, archived)
        return lambda: runs.archive(run_id, not archived)

    def delete_run(self, run_id: str) -> Undo:
        """Take a run out of sight."""
        from promptopt.store.runs import Runs
        from promptopt.store.shelf import tidy

        runs = Runs(self._database())
        runs.delete(run_id)
        tidy(self._database())
        return lambda: runs.restore(run_id)


def _about(kind: type) -> str:
    """The first paragraph of a class's docstring, in one line, without marks."""
    import inspect

    return " ".join(inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("``", "").split())
