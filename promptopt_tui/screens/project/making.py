"""More cases, made up by a model, each of which a person takes or leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from promptopt.store.casebook import CaseBook
from promptopt_tui import formatting as fm
from promptopt_tui.screens.asking_models import SIMULATOR, count_flaw, spent, with_quote
from promptopt_tui.screens.filling import Field, FillScreen, needed
from promptopt_tui.screens.project.cases import Cases
from promptopt_tui.screens.reviewing import Item, ReviewScreen, proposed


class Making(Cases):
    """The part of a project's screen that has cases made up."""

    def action_generate(self) -> None:
        book = self.book
        if self.section != "cases":
            return
        if book is None or len(book.columns.inputs) != 1:
            why = "Cases can be made up where there are some already, with one column for the input."
            self.app.notify(why, severity="warning", markup=False)
            return
        own = self.document.table(("models", "generator")) or self.document.table(("models", "optimizer"))
        fields = [
            Field("count", "how many", "10", check=count_flaw),
            Field(
                "wish", "what they should be like", hint="optional: angry customers, very short, in Spanish"
            ),
            Field("model", "who makes them up", str(own.get("model", SIMULATOR)), check=needed),
        ]

        def filled(given: dict[str, str] | None) -> None:
            if given is not None:
                model = given["model"].strip()
                self._make_up(book, int(given["count"]), given["wish"].strip(), model)

        self.app.push_screen(FillScreen("More cases, made up by a model", fields, send="go on"), filled)

    def _make_up(self, book: CaseBook, count: int, wish: str, model: str) -> None:
        projects, path, text = self.desk.client.projects, self.document.path, self.document.text
        asked = [model]

        def work(chosen: str) -> Mapping[str, Any]:
            asked[0] = chosen
            return projects.grow(path, text, chosen, count, wish)

        def made(found: Mapping[str, Any]) -> None:
            items = proposed([("case", case) for case in found["cases"]])
            screen = ReviewScreen("Made-up cases", items, spent(found, asked[0]))
            self.app.push_screen(screen, lambda taken: self._take(book, taken or []))

        with_quote(
            self.desk,
            model,
            lambda chosen: projects.grow(path, text, chosen, count, wish, quote=True),
            work,
            made,
            "the task, a dozen of its training cases, and your wish",
        )

    def _take(self, book: CaseBook, taken: list[Item]) -> None:
        """Add the cases that were taken, under the names that the project's columns have."""
        rows = [self._as_ours(book, item.value) for item in taken]
        if not rows:
            return
        if book.files:
            self._writable(0, lambda: self._add(rows))
        else:
            self.put(("data", "cases"), [*self.document.items(("data", "cases")), *rows])
        self.app.notify(f"Added {fm.plural(len(rows), 'case')}. u takes them back.", markup=False)

    @staticmethod
    def _as_ours(book: CaseBook, case: dict[str, Any]) -> dict[str, Any]:
        columns = book.columns
        flat = bool(book.files) and book.files[0].flat
        names = {"input": columns.inputs[0], "expected": columns.expected or "expected", "tags": columns.tags}
        row = {names.get(name, name): value for name, value in case.items()}
        tags = row.get(columns.tags)
        if flat and isinstance(tags, list):
            row[columns.tags] = ", ".join(map(str, tags))
        return row
