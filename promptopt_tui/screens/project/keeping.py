"""Saving a project and leaving it; what somebody else has written meanwhile is never lost unseen."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

from promptopt.domain.errors import PromptoptError
from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.project.making import Making
from promptopt_tui.views import diff

if TYPE_CHECKING:
    from promptopt.store.casebook import CaseBook
    from promptopt.store.caseedit import CaseFile
    from promptopt.store.projectedit import ProjectDocument
    from promptopt.store.validation import Flaw


class Keeping(Making):
    """The part of a project's screen that reads and writes its files."""

    theirs: str | None = None
    """What somebody else has written into the file since it was opened."""
    flaws: list[Flaw]
    _looking = False
    _steps: list[ProjectDocument | CaseFile]
    """What was changed, in order: each takes its last change back."""
    _back: list[ProjectDocument | CaseFile]
    """What was taken back, in order."""

    def draw(self) -> None:
        """Draw everything."""
        raise NotImplementedError

    def did(self, what: ProjectDocument | CaseFile) -> None:
        self._steps.append(what)
        self._back.clear()

    def forget_cases(self) -> None:
        self._steps = [step for step in self._steps if step is self.document]
        self._back.clear()

    @property
    def unsaved(self) -> bool:
        """Whether there is something to save."""
        return self.document.changed or (self.book is not None and self.book.changed)

    def action_undo(self) -> None:
        if not self._steps:
            self.app.notify("There is nothing to take back.", markup=False)
            return
        step = self._steps.pop()
        if not step.undo():
            self._steps.clear()
            self.app.notify("What was changed before that is not remembered any more.", markup=False)
            return
        self._back.append(step)
        self.changed_cases()
        self.changed()

    def action_redo(self) -> None:
        if not self._back:
            self.app.notify("Nothing was taken back.", markup=False)
            return
        step = self._back.pop()
        step.redo()
        self._steps.append(step)
        self.changed_cases()
        self.changed()

    def action_save(self) -> None:
        self.save()

    def save(self, then: Any = None, *, force: bool = False) -> None:
        """Write what was changed; ``then`` is called when it is written."""
        if not self.unsaved and not force:
            if then is not None:
                then()
            return
        book, document = self.book, self.document

        def saved(with_cases: bool) -> None:
            self.theirs = None
            wrong = f" {fm.plural(len(self.flaws), 'key')} can't be used yet." if self.flaws else ""
            self.app.notify(f"Saved.{wrong}", markup=False, timeout=3)
            if with_cases:
                self.saved_cases()
            self.draw()
            if then is not None:
                then()

        def failed(error: BaseException) -> None:
            from promptopt.store.projectedit import ChangedOutside

            if isinstance(error, ChangedOutside):
                self._ask_about_theirs(error, then)
            else:
                self.desk.show_error(error)

        self.desk.background(lambda: _write(document, book, force=force), saved, failed)

    def _ask_about_theirs(self, error: PromptoptError, then: Any) -> None:
        """Whose version of a file counts: that of the project file is shown, one of cases is named."""
        if error.where == str(self.document.path):
            self._look_at_theirs(then)
            return
        options = [
            Option("n", "Leave it for now", "nothing is written", ""),
            Option("r", "Read theirs", "your changes to the cases are lost", "theirs"),
            Option("w", "Write mine", "what they wrote is lost", "mine"),
        ]

        def answered(answer: str | None) -> None:
            if answer == "theirs":
                self.load_cases(again=True)
            elif answer == "mine":
                self.save(then, force=True)

        def build(width: int) -> list[paint.Line]:
            return paint.wrap([(f"{error.where}: {error.what}", "")], width)

        self.app.push_screen(Dialog("The cases were changed by somebody else", build, options), answered)

    def _look(self) -> None:
        """Look, in a thread, whether somebody else has changed the file."""
        if self._looking or not self.is_current:
            return
        self._looking = True

        def seen(theirs: str | None) -> None:
            self._looking = False
            if theirs == self.theirs:
                return
            if theirs is not None and not self.document.changed:
                self._reload("The file was changed by somebody else; it was read again.")
                return
            self.theirs = theirs
            if theirs is not None:
                self.app.notify(
                    "Somebody else has changed the file; o shows how.", severity="warning", markup=False
                )
            self.draw()

        def failed(_: BaseException) -> None:
            self._looking = False

        self.desk.background(self.document.outside, seen, failed)

    def _reload(self, said: str) -> None:
        before = self.document.text
        try:
            self.document.reload()
        except PromptoptError as error:
            self.app.notify(one_line(str(error), 300), severity="warning", markup=False)
            return
        self.theirs = None
        if self.document.text != before:
            self.did(self.document)  # what was here can be had back
        self.app.notify(said, markup=False)
        self.changed()

    def action_outside(self) -> None:
        self._look_at_theirs()

    def _look_at_theirs(self, then: Any = None) -> None:
        try:
            theirs = self.document.outside()
        except PromptoptError as error:
            self.desk.show_error(error)
            return
        if theirs is None:
            self.app.notify("Nobody else has changed the file.", markup=False)
            return
        mine = self.document.text
        options = [
            Option("n", "Leave it for now", "nothing is written", ""),
            Option("r", "Read theirs", "yours can be had back with u", "theirs"),
            Option("w", "Write mine", "what they wrote is lost", "mine"),
        ]

        def build(width: int) -> list[paint.Line]:
            return [
                *paint.wrap([("From what they wrote to what you have here:", "muted")], width),
                [],
                *diff.unified(theirs, mine, width),
            ]

        def answered(answer: str | None) -> None:
            if answer == "theirs":
                self._reload("Read again.")
            elif answer == "mine":
                self.save(then, force=True)

        self.app.push_screen(
            Dialog("The file was changed by somebody else", build, options, kind="-tall"), answered
        )

    def action_difference(self) -> None:
        before, after = self.document.saved, self.document.text
        dialog: Dialog[None] = Dialog(
            "Not saved yet", lambda width: diff.unified(before, after, width), kind="-tall"
        )
        self.app.push_screen(dialog)

    def action_external(self) -> None:
        self.save(self._in_editor)

    def _in_editor(self) -> None:
        if self.app.is_web:
            return
        command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        try:
            with self.app.suspend():
                subprocess.run([*command, str(self.document.path)], check=False)
        except Exception as error:  # no such editor, or a terminal that can't be lent
            self.app.notify(f"The editor did not start: {error}", severity="error", markup=False)
            return
        self._look()

    def action_run(self) -> None:
        name = str(self.document.get(("name",), ""))
        self.save(lambda: self.desk.start_project(self.document.path, name))

    def action_back(self) -> None:
        if not self.show_all_cases():
            self.action_leave()

    def action_leave(self) -> None:
        if not self.unsaved:
            self.app.pop_screen()
            return
        added, removed = diff.changed(self.document.saved, self.document.text)
        cases = self.book is not None and self.book.changed
        options = [
            Option("s", "Save and leave", "", "save"),
            Option("n", "Stay", "", ""),
            Option("y", "Leave without saving", "the changes are lost", "discard"),
        ]

        def build(_: int) -> list[paint.Line]:
            line: paint.Line = [
                (f"+{fm.plural(added, 'line')}", "good"),
                (f"  -{fm.plural(removed, 'line')}", "bad"),
            ]
            return [[*line, ("  cases were changed, too", "warn") if cases else ("", "")]]

        def answered(answer: str | None) -> None:
            if answer == "save":
                self.save(self.app.pop_screen)
            elif answer == "discard":
                self.app.pop_screen()

        self.app.push_screen(Dialog("Leave with changes that are not saved?", build, options), answered)


def _write(document: ProjectDocument, book: CaseBook | None, *, force: bool) -> bool:
    """Write what was changed; returns whether there were cases in it.

    Raises:
        ChangedOutside: somebody else has changed a file meanwhile, and it is not forced.
        SettingsError: a file can't be written.
    """
    files = [file for file in book.files if file.changed] if book else []
    for file in files:
        file.save(force=force)
    if files and book is not None:
        # Cases that are called by their number may have another one now.
        book.entries = []
        book.sync()
    if document.changed or force:
        document.save(force=force)
    return bool(files)
