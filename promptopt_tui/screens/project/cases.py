"""The cases of a project: a table of any length, searched, filtered, edited, added to, imported into."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import on
from textual.content import Content

from promptopt.domain.errors import PromptoptError, SettingsError
from promptopt.domain.settings import DataSettings
from promptopt.domain.text import one_line, sanitize
from promptopt.domain.words import SPLITS
from promptopt.store.casebook import CaseBook, Entry, Wanted
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.screens.asking import AskScreen
from promptopt_tui.screens.dialogs import confirm
from promptopt_tui.screens.project.caseform import CaseScreen
from promptopt_tui.screens.project.models import Models
from promptopt_tui.views import cases as view
from promptopt_tui.widgets.table import Column, Table
from promptopt_tui.widgets.textline import SearchLine

if TYPE_CHECKING:
    from collections.abc import Callable


FEW = 5_000
"""So many cases are searched at once; more of them in a thread."""


class Cases(Models):
    """The part of a project's screen that deals with its cases."""

    book: CaseBook | None = None
    book_error = ""
    dealt: dict[str, str]
    """Id to split, of cases whose splits are dealt; empty until that is known."""
    wanted = ""
    """What is searched for, as it was typed."""
    _book_of: Any = "nothing"
    """What the file said of its cases when they were read."""
    _loading = False
    _searches = 0

    def table(self) -> Table:
        """The table of the cases."""
        columns = [
            Column("", 1, lambda e: ("!", "warn") if e.must_pass else ("", "")),
            Column("case", 12, lambda e: (e.id, "muted")),
            Column("split", 10, self._split_of, least=60),
            Column("input", 0, lambda e: (e.input, "")),
            Column("expected", 18, lambda e: ("–", "muted") if e.expected is None else (e.expected, "")),
            Column("tags", 14, lambda e: (", ".join(e.tags), "muted"), least=90),
        ]
        return Table(columns, lambda e: str(id(e.source or e)), id="cases", classes="panel")

    def _split_of(self, entry: Entry) -> paint.Span:
        split = entry.split or self.dealt.get(entry.id, "")
        return split or "…", "muted"

    # Reading

    def load_cases(self, *, again: bool = False) -> None:
        """Read the cases in a thread, unless they were read as the file names them now.

        Args:
            again: in any case; changes to them that are not saved are lost.
        """
        said = self.document.get(("data",))
        unsaved = self.book is not None and self.book.changed
        if self._loading or ((said == self._book_of or unsaved) and not again):
            return
        self._loading, self._book_of = True, said
        base = self.document.path.parent

        def work() -> CaseBook:
            return CaseBook.open(DataSettings.model_validate(said or {}), base)

        def done(book: CaseBook) -> None:
            self._loading, self.book, self.book_error = False, book, ""
            self.forget_cases()
            self._deal(book)
            self.search_cases()
            self.load_cases()  # if the file names others by now

        def failed(error: BaseException) -> None:
            self._loading, self.book = False, None
            self.book_error = str(error) if isinstance(error, PromptoptError) else f"data: {error}"
            self.search_cases()
            self.load_cases()

        self.search_cases()
        self.desk.background(work, done, failed)

    def forget_cases(self) -> None:
        """Let go of changes to files of cases that were read anew: they can't be taken back any more."""
        raise NotImplementedError

    def saved_cases(self) -> None:
        """Files of cases were written: their splits may be others now, and the project may name others."""
        if self.book is not None:
            self._deal(self.book)
        self.search_cases()
        self.load_cases()

    def _deal(self, book: CaseBook) -> None:
        """Have it found out, in a process of its own, which case is in which split."""
        if not book.entries or all(entry.split for entry in book.entries[:1]):
            return
        path, text = self.document.path, self.document.saved

        def done(dealt: dict[str, str]) -> None:
            self.dealt = dealt
            self.search_cases()

        self.desk.background(lambda: self.desk.client.projects.splits(path, text), done, lambda _: None)

    # Searching

    def search_cases(self) -> None:
        """Show the cases that are searched for."""
        table = self.query_one("#cases", Table)
        book = self.book
        if book is None:
            lines: list[paint.Line] = [[("reading the cases…", "muted")]]
            if self.book_error:
                lines = [*paint.text_lines(self.book_error, max(30, self.size.width // 2 - 6)), []]
                lines += [[("n", "key"), (" adds a case   ", ""), ("i", "key"), (" imports a file", "")]]
            table.set_empty(lines)
            table.set_rows(())
            table.border_title = "Cases"
            return
        self._searches += 1
        number = self._searches
        work = self._search(book)
        if len(book.entries) <= FEW:
            self._found(work())
            return

        def done(found: list[Entry]) -> None:
            if number == self._searches:
                self._found(found)

        self.desk.background(work, done)

    def _search(self, book: CaseBook) -> Callable[[], list[Entry]]:
        from promptopt.store.casebook import found

        entries, wanted, dealt = book.entries, Wanted.read(self.wanted), self.dealt
        return lambda: entries if not self.wanted.strip() else list(found(entries, wanted, dealt))

    def _found(self, entries: list[Entry]) -> None:
        table = self.query_one("#cases", Table)
        table.set_empty([[("no case fits; ", "muted"), ("esc", "key"), (" shows all", "muted")]])
        table.set_rows(entries)
        if self.book is not None:
            table.border_title = Content(view.title(self.book, self.wanted, len(entries)))
        self.draw_case()

    def draw_case(self) -> None:
        """Draw what stands beside the table."""
        raise NotImplementedError

    def case_lines(self, width: int) -> list[paint.Line]:
        """The selected case, in full."""
        entry = self.query_one("#cases", Table).row
        return [] if entry is None else view.case_lines(entry, self._split_of(entry)[0], width)

    def action_search(self) -> None:
        if self.section == "cases":
            self.query_one(SearchLine).open()

    @on(SearchLine.Wanted)
    def _searched(self, message: SearchLine.Wanted) -> None:
        self.wanted = message.text
        self.search_cases()

    @on(SearchLine.Left)
    def _search_done(self) -> None:
        self.query_one("#cases").focus()

    def show_all_cases(self) -> bool:
        """Search for nothing any more; False if nothing was searched for, or the cases are not in view."""
        if self.section != "cases" or not self.wanted.strip():
            return False
        self._search_for("")
        return True

    def action_split(self) -> None:
        """Go on to the next split, then to all."""
        words = self.wanted.split()
        now = next((word[6:] for word in words if word.startswith("split:")), "")
        order = ["", *SPLITS]
        following = order[(order.index(now) + 1) % len(order)] if now in order else ""
        rest = [word for word in words if not word.startswith("split:")]
        self._search_for(" ".join([*rest, f"split:{following}"] if following else rest))

    def _search_for(self, wanted: str) -> None:
        self.wanted = wanted
        self.query_one(SearchLine).show(wanted)
        self.search_cases()

    # Changing

    def changed_cases(self) -> None:
        """Bring the table in line with files whose rows were changed."""
        if self.book is not None and self.book.files:
            self.book.sync()
            self.search_cases()

    @on(Table.Opened, "#cases")
    def _opened(self, message: Table.Opened) -> None:
        entry: Entry = message.row
        book = self.book
        assert book is not None
        flat = bool(book.files) and book.files[entry.part].flat
        every = book.files[entry.part].columns if book.files else list(entry.row)

        def answered(row: dict[str, Any] | None) -> None:
            if row is not None:
                self._writable(entry.part, lambda: self._change(entry, row))

        screen = CaseScreen(entry.row, book.columns, every, flat, f"Case {entry.id}")
        self.app.push_screen(screen, answered)

    def _change(self, entry: Entry, row: dict[str, Any]) -> None:
        book = self.book
        assert book is not None
        if entry.source is None:
            place = book.entries.index(entry)
            for name in dict.fromkeys([*entry.row, *row]):
                if entry.row.get(name) != row.get(name):
                    self.put(("data", "cases", place, name), row.get(name))
            return
        file = book.files[entry.part]
        new = file.replace(entry.source, row)
        self.did(file)
        self.query_one("#cases", Table).cursor_key = ""
        book.sync()
        self.search_cases()
        self._select(lambda each: each.source is new)
        self.changed()

    def _select(self, test: Callable[[Entry], bool]) -> None:
        table = self.query_one("#cases", Table)
        place = next((i for i, each in enumerate(table.rows) if test(each)), None)
        if place is not None:
            table.move_to(place)

    def add_case(self) -> None:
        """Let a person write a new case."""
        book = self.book
        if book is None:
            self._first_case()
            return
        part = len(book.files) - 1 if book.files else 0
        flat = bool(book.files) and book.files[part].flat

        def answered(row: dict[str, Any] | None) -> None:
            if row is None:
                return
            if not book.files:
                self.put(("data", "cases", len(book.entries)), row)
                return
            self._writable(0, lambda: self._add([row]))

        self.app.push_screen(CaseScreen({}, book.columns, [], flat, "A new case"), answered)

    def _first_case(self) -> None:
        def answered(text: str | None) -> None:
            if text:
                self.put(("data", "cases", 0), {"input": text})

        refuse = self._not_empty
        self.app.push_screen(AskScreen("The input of the first case", refuse=refuse), answered)

    @staticmethod
    def _not_empty(text: str) -> str:
        return "" if text else "it has to be given"

    def _add(self, rows: list[dict[str, Any]]) -> None:
        book = self.book
        assert book is not None and book.files
        file = book.files[0]
        file.add(*rows)
        self.did(file)
        book.sync()
        self.search_cases()
        self._select(lambda each: each.source is file.rows[-1])
        self.changed()

    def remove_case(self) -> None:
        """Take the selected case out."""
        table = self.query_one("#cases", Table)
        entry: Entry | None = table.row
        book = self.book
        if entry is None or book is None:
            return
        if entry.source is None:
            place = book.entries.index(entry)
            self.put(("data", "cases", place), None)
            return

        def remove() -> None:
            assert entry is not None and entry.source is not None and book is not None
            file = book.files[entry.part]
            file.remove(entry.source)
            self.did(file)
            table.cursor_key = ""
            here = table.cursor
            book.sync()
            self.search_cases()
            table.move_to(here)
            self.changed()

        self._writable(entry.part, remove)

    def _writable(self, part: int, then: Callable[[], object]) -> None:
        """Do ``then``, if the file can be written; else offer to make one of it that can be."""
        book = self.book
        assert book is not None
        why_not = book.files[part].why_not if book.files else ""
        if not why_not:
            then()
            return
        confirm(
            self.app,
            "These cases can't be changed here",
            ("Leave it as it is", ""),
            ("Make a file of JSON Lines", "and let the project use that one"),
            lambda: self._convert(book),
            lambda width: paint.wrap([(why_not, "")], width),
        )

    def _convert(self, book: CaseBook) -> None:
        """Write the cases into files of JSON Lines, and let the project name those."""
        folder = self.document.path.parent

        def work() -> dict[str, str]:
            return self.desk.client.projects.as_json_lines(book, folder)

        def done(made: dict[str, str]) -> None:
            for key, name in made.items():
                self.put(("data", key), name)
            self.app.notify(f"Made {one_line(', '.join(made.values()), 80)}.", markup=False)
            self.load_cases()

        self.desk.background(work, done)

    # Importing

    def action_import(self) -> None:
        if self.section != "cases":
            return
        book = self.book
        if book is not None and any(file.why_not for file in book.files):
            self._writable(0, lambda: None)
            return

        def answered(text: str | None) -> None:
            if text is not None:
                self._import(Path(text).expanduser())

        def refuse(text: str) -> str:
            return "" if text and Path(text).expanduser().exists() else "there is no such file"

        about: list[paint.Line] = [[("Its cases are added to those that are there.", "muted")]]
        self.app.push_screen(
            AskScreen("Import cases from a file or folder", about, "./", refuse=refuse, files=True), answered
        )

    def _import(self, path: Path) -> None:
        book, folder = self.book, self.document.path.parent
        projects = self.desk.client.projects

        def done(found: tuple[list[dict[str, Any]], list[str], dict[str, Any]]) -> None:
            rows, notices, data = found
            for notice in notices[:3]:
                self.app.notify(sanitize(notice, 300), markup=False, timeout=8)
            if data and not self.document.get(("data",)):
                self.put(("data",), data)
            for key, value in data.items():
                self.put(("data", key), value)
            if data and book is not None:
                self.put(("data", "cases"), None)
            if not data:
                self._add(rows)
            self.app.notify(f"Imported {fm.plural(len(rows), 'case')}. u takes them back.", markup=False)
            self.load_cases()

        def failed(error: BaseException) -> None:
            self.desk.show_error(
                error if isinstance(error, PromptoptError) else SettingsError(str(error), where=str(path))
            )

        self.desk.background(lambda: projects.import_cases(path, book, folder), done, failed)

    def known_columns(self) -> list[str]:
        """Columns of the input, if the cases were read."""
        return list(self.book.columns.inputs) if self.book is not None else []
