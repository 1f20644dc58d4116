"""What can be done with projects and runs as a whole: made, copied, archived, deleted, taken back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from textual.screen import Screen

from promptopt.domain.text import one_line, sanitize
from promptopt_tui.desk import OnTop
from promptopt_tui.paint import wrap
from promptopt_tui.screens.asking import AskScreen
from promptopt_tui.screens.dialogs import Dialog, Option, confirm

if TYPE_CHECKING:
    from promptopt.examples import ExampleTask
    from promptopt.store.projects import ProjectEntry
    from promptopt.store.runs import RunRow
    from promptopt_tui.projects import Projects, Undo
    from promptopt_tui.screens.reviewing import Item, Kind

DRAFTS = "openai/gpt-4o-mini"
"""Who drafts tasks, until somebody else was chosen."""

TOLD = 4
"""Notices about a new project that are shown at most."""

Chosen = tuple[str, Path | str, str]
"""How a project is made, of what, and how it is to be called."""


class Shelving(OnTop, Screen[None]):
    """The part of the home screen that changes what there is."""

    _undo: list[tuple[str, Undo]]

    def selected(self) -> ProjectEntry | RunRow | None:
        """The project or the run that the cursor is on, in the list that has the focus."""
        raise NotImplementedError

    def chosen_project(self) -> ProjectEntry | None:
        """The project that the cursor is on, whichever list has the focus."""
        raise NotImplementedError

    def freshen(self) -> None:
        """Look the lists up again."""
        raise NotImplementedError

    def show_project(self, path: Path) -> None:
        """Bring a project that was just made into view."""
        raise NotImplementedError

    @property
    def _projects(self) -> Projects:
        return self.desk.client.projects

    # New

    def action_new(self) -> None:
        options = [
            Option("e", "An example", "small tasks, ready to run", "example"),
            Option("f", "A file of cases", ".csv .tsv .jsonl .json .yaml .parquet, promptfoo's too", "file"),
            Option("w", "A description", "a model drafts prompt, checks and cases", "description"),
            Option("t", "A small template", "commented, to be filled in", "template"),
        ]

        def chosen(way: str | None) -> None:
            ways = {"example": self._ask_example, "file": self._ask_file, "template": self._ask_template}
            ways["description"] = self._ask_description
            if way:
                ways[way]()

        about = "A project is your prompt, your cases and what counts as a good answer."
        self.app.push_screen(Dialog("New project of …", lambda _: [[(about, "muted")]], options), chosen)

    def _ask_template(self) -> None:
        self._ask_name("my task", lambda name: self._made(lambda: (self._projects.from_template(name), [])))

    def _ask_example(self) -> None:
        self.desk.background(self._projects.examples, self._choose_example)

    def _choose_example(self, examples: list[ExampleTask]) -> None:
        options = [
            Option(str(place), one.name, f"{one.cases} cases: {one.about}", one.name)
            for place, one in enumerate(examples, 1)
        ]

        def chosen(example: str | None) -> None:
            if example:
                self._ask_name(
                    example,
                    lambda name: self._made(lambda: (self._projects.from_example(example, name), [])),
                )

        self.app.push_screen(Dialog("Which example?", lambda _: [], options, kind="-tall"), chosen)

    def _ask_description(self) -> None:
        from promptopt_tui.screens.asking_models import count_flaw, spent, with_quote
        from promptopt_tui.screens.filling import Field, FillScreen, needed
        from promptopt_tui.screens.reviewing import ReviewScreen, proposed

        fields = [
            Field(
                "task",
                "what the prompt must do",
                hint="label a message as low, normal or urgent",
                check=needed,
            ),
            Field("model", "who drafts it", self.desk.preferences.get("generator", DRAFTS), check=needed),
            Field("count", "cases", "20", check=count_flaw),
        ]

        def filled(given: dict[str, str] | None) -> None:
            if given is None:
                return
            task, count = given["task"].strip(), int(given["count"])
            self.desk.preferences.set("generator", given["model"].strip())
            asked = [given["model"].strip()]

            def work(model: str) -> Mapping[str, Any]:
                asked[0] = model
                return self._projects.draft(task, model, count)

            def drafted(found: Mapping[str, Any]) -> None:
                for notice in found["notices"][:TOLD]:
                    self.app.notify(sanitize(notice, 300), markup=False, timeout=8)
                pairs: list[tuple[Kind, Any]] = [("description", found["description"])]
                pairs.append(("prompt", found["prompt"]))
                pairs.extend(("check", check) for check in found["checks"])
                pairs.extend(("case", case) for case in found["cases"])
                review(found, proposed(pairs))

            def review(found: Mapping[str, Any], items: Sequence[Item]) -> None:
                said, check_flaw = spent(found, asked[0]), self._projects.check_flaw
                screen = ReviewScreen("A drafted task", items, said, check_flaw)

                def decided(taken: list[Item] | None) -> None:
                    if taken is not None:
                        again = partial(review, found, screen.items)
                        self._keep_draft(found["name"], task, taken, asked[0], again)

                self.app.push_screen(screen, decided)

            with_quote(
                self.desk,
                asked[0],
                lambda model: self._projects.draft_quote(task, model, count),
                work,
                drafted,
                "what you wrote, and which checks there are",
            )

        self.app.push_screen(FillScreen("A task, drafted by a model", fields, send="go on"), filled)

    def _keep_draft(
        self, name: str, task: str, taken: list[Item], model: str, again: Callable[[], object]
    ) -> None:
        """Make a project of what was confirmed of a draft; ``again`` if it gets no name after all."""
        texts = {item.kind: item.value for item in taken}
        draft = {
            "description": texts.get("description", task),
            "prompt": texts.get("prompt", f"{task}\n\n{{input}}"),
            "checks": [item.value for item in taken if item.kind == "check"],
            "cases": [item.value for item in taken if item.kind == "case"],
        }
        models = {"target": "sim/target", "optimizer": "sim/optimizer"} if model.startswith("sim/") else {}
        self._ask_name(
            one_line(name, 60),
            lambda chosen: self._made(lambda: (self._projects.from_draft(chosen, draft, models), [])),
            again,
        )

    def _ask_file(self) -> None:
        about = [
            [("A table with a column for what goes in and one for the right answer; a folder", "muted")],
            [("with a data set; or a project or a configuration of promptfoo.", "muted")],
        ]

        def refuse(text: str) -> str:
            if not text:
                return "give the path of a file or folder"
            return "" if _place(text).exists() else "there is no such file"

        def answered(text: str | None) -> None:
            if text is not None:
                self._ask_name(_place(text).stem or text, lambda name: self._import(_place(text), name))

        screen = AskScreen("A file or folder of cases", about, "./", refuse=refuse, files=True)
        self.app.push_screen(screen, answered)

    def _import(self, source: Path, name: str) -> None:
        self._made(lambda: self._projects.from_source(source, name, self._ask_in_thread))

    def _ask_in_thread(self, question: str, answers: Sequence[str]) -> str | None:
        """Put a question from a thread, and wait there for the answer."""
        there = threading.Event()
        found: list[str | None] = [None]

        def answered(answer: str | None) -> None:
            found[0] = answer
            there.set()

        keys = [*"123456789abcdefghijklmnop"]
        options = [
            Option(key, one_line(name, 60), "", name) for key, name in zip(keys, answers, strict=False)
        ]
        dialog: Dialog[str] = Dialog(question, lambda _: [], options)
        self.app.call_from_thread(self.app.push_screen, dialog, answered)
        while not there.wait(0.2):
            if not self.app.is_running:
                return None
        return found[0]

    def _ask_name(
        self, like: str, then: Callable[[str], object], left: Callable[[], object] = lambda: None
    ) -> None:
        """Ask for a name and go on with it; ``left`` if none is given."""

        def answered(name: str | None) -> None:
            if name is None:
                left()
            else:
                then(name)

        def ask(name: str) -> None:
            screen = AskScreen("Name of the new project", value=name, refuse=self._projects.refuse_name)
            self.app.push_screen(screen, answered)

        self.desk.background(lambda: self._projects.free_name(like), ask)

    def _made(self, make: Callable[[], tuple[Path, list[str]]]) -> None:
        def done(made: tuple[Path, list[str]]) -> None:
            path, notices = made
            for notice in notices[:TOLD]:
                self.app.notify(sanitize(notice, 300), markup=False, timeout=8)
            self.app.notify(f"Made {one_line(path.parent.name, 60)}.", markup=False)
            self.show_project(path)

        self.desk.background(make, done)

    # Copied, put away, taken back

    def action_duplicate(self) -> None:
        project = self.chosen_project()
        if project is None:
            self._nothing("project")
            return
        self._ask_name(
            project.name, lambda name: self._made(lambda: (self._projects.duplicate(project.path, name), []))
        )

    def action_archive(self) -> None:
        found = self.selected()
        if found is None:
            self._nothing("run or project")
            return
        wanted = not found.archived
        said = "Archived" if wanted else "Took back"
        run_id = _run_id(found)
        if run_id:
            self._do(f"{said} run {run_id}.", lambda: self._projects.archive_run(run_id, wanted))
        else:
            path = cast("ProjectEntry", found).path
            name = one_line(cast("ProjectEntry", found).name, 60)
            self._do(f"{said} {name}.", lambda: self._projects.archive(path, wanted))

    def action_delete(self) -> None:
        found = self.selected()
        if found is None:
            self._nothing("run or project")
            return
        run_id = _run_id(found)
        if run_id:
            what, about = f"run {run_id}", "its prompts and its figures go out of sight"
            said, delete = f"Deleted run {run_id}.", partial(self._projects.delete_run, run_id)
        else:
            project = cast("ProjectEntry", found)
            name = one_line(project.name, 60)
            what, about = f"the project {name}", "its files go into the trash, its runs stay"
            said = f"Deleted the project {name}; its runs stay."
            delete = partial(self._projects.delete, project.path)
        confirm(
            self.app,
            f"Delete {what}?",
            ("Leave it", "nothing is deleted"),
            ("Delete it", about),
            lambda: self._do(said, delete),
            lambda width: wrap(
                [("u takes it back, and for 30 days promptopt restore does.", "muted")], width
            ),
        )

    def action_undo(self) -> None:
        if not self._undo:
            self.app.notify("There is nothing to take back.", markup=False)
            return
        said, undo = self._undo.pop()

        def done(_: object) -> None:
            self.app.notify(f"Taken back: {said}", markup=False)
            self.freshen()

        self.desk.background(undo, done)

    def _do(self, said: str, work: Callable[[], Undo]) -> None:
        """Carry something out in a thread, say it, and remember how it is taken back."""

        def done(undo: Undo) -> None:
            self._undo.append((said, undo))
            self.app.notify(f"{said} u takes it back.", markup=False)
            self.freshen()

        self.desk.background(work, done)

    def _nothing(self, what: str) -> None:
        self.app.notify(f"No {what} is selected.", severity="warning", markup=False)


def _run_id(found: ProjectEntry | RunRow) -> str:
    """The id of a run; empty if it is a project."""
    return getattr(found, "id", "")


def _place(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)
