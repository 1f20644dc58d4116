"""Writing a prompt out: a list of formats, a preview, a file or the clipboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.desk import OnTop
from promptopt_tui.screens.dialogs import confirm
from promptopt_tui.widgets.canvas import Canvas
from promptopt_tui.widgets.table import Column, Table
from promptopt_tui.widgets.textline import TextLine

if TYPE_CHECKING:
    from promptopt.store.export import Exported, Format
    from promptopt_tui.screens.run import RunScreen

SHOWN = 60_000
"""Characters of a preview."""


def open_export(run: RunScreen, candidate_id: str) -> None:
    """Show a candidate of a run, to be written out."""
    row, state, desk = run.follower.row, run.follower.state, run.desk
    if row is None or candidate_id not in state.candidates:
        desk.notify("There is no prompt to export yet.", severity="warning", markup=False)
        return
    name = state.name(candidate_id)

    def gather() -> Exported:
        with run.follower.lock:
            return desk.client.asset(row, state, candidate_id)

    desk.background(gather, lambda found: desk.push_screen(ExportScreen(found, name)))


class ExportScreen(OnTop, ModalScreen[None]):
    """Formats on the left, the text on the right, the file below.

    Args:
        asset: what is exported.
        name: what the candidate is called.
    """

    CSS_PATH = "../styles/result.tcss"
    BINDINGS: ClassVar = [
        Binding("escape", "leave", show=False),
        Binding("y", "copy", show=False),
        Binding("tab", "name_file", show=False),
        Binding("enter", "write", show=False),
        Binding("ctrl+s", "write", show=False, priority=True),
    ]
    AUTO_FOCUS = "#formats"

    def __init__(self, asset: Exported, name: str) -> None:
        super().__init__()
        self._asset, self._name = asset, name
        self._texts: dict[Format, str] = {}
        self._own_path = False
        """The file was named by the person, not by the format."""

    def compose(self) -> ComposeResult:
        from promptopt.store.export import FORMATS

        with Vertical(id="dialog") as box:
            box.border_title = Content(one_line(f"Export {self._name}, byte for byte as it was scored", 90))
            with Horizontal(id="choice"):
                formats = Table(
                    [Column("format", 0, lambda form: (form, ""))], lambda form: form, id="formats"
                )
                formats.set_rows(list(FORMATS))
                yield formats
                yield Canvas(id="preview")
            yield Canvas(id="told")
            yield TextLine(id="path", classes="field")
            yield Canvas(id="hints")

    def on_mount(self) -> None:
        self.query_one("#told").can_focus = self.query_one("#hints").can_focus = False
        self.call_after_refresh(self._show)

    def on_resize(self) -> None:
        self.call_after_refresh(self._show)

    @property
    def form(self) -> Format:
        """The format under the cursor."""
        return cast("Format", self.query_one("#formats", Table).row)

    @property
    def text(self) -> str:
        """What is written."""
        from promptopt.store.export import export

        if self.form not in self._texts:
            self._texts[self.form] = export(self._asset, self.form)
        return self._texts[self.form]

    @on(Table.Moved, "#formats")
    def _show(self) -> None:
        from promptopt.store.export import FORMATS

        if not self.is_attached:
            return
        preview, text = self.query_one("#preview", Canvas), self.text
        preview.set_lines(paint.text_lines(text[:SHOWN], preview.width or 40))
        preview.scroll_home(animate=False)
        file, what = FORMATS[self.form]
        field = self.query_one("#path", Input)
        if not self._own_path:
            with self.prevent(Input.Changed):
                field.value = str(Path.cwd() / file)
        told: paint.Line = [(f"{what}", ""), (f"   {fm.plural(len(text), 'character')}", "muted")]
        if self.form == "text" and self._asset.prompt.demonstrations:
            number = fm.plural(len(self._asset.prompt.demonstrations), "demonstration")
            told = [(f"without its {number}: take another format for them", "warn")]
        line = self.query_one("#told", Canvas)
        line.set_lines([paint.cut(told, line.width or 40)])
        hints = self.query_one("#hints", Canvas)
        keys: paint.Line = []
        for key, label in (
            ("enter", "write the file"),
            ("y", "copy"),
            ("tab", "file name"),
            ("shift+tab", "scroll"),
            ("esc", "close"),
        ):
            keys += [(key, "key"), (f" {label}  ", "muted")]
        hints.set_lines([paint.cut(keys, hints.width or 40)])

    @on(Input.Changed, "#path")
    def _path_typed(self) -> None:
        self._own_path = True

    @on(Input.Submitted, "#path")
    @on(Table.Opened, "#formats")
    def _confirmed(self) -> None:
        self.action_write()

    def action_name_file(self) -> None:
        """Go to the file's name, and from there back to the formats."""
        path = self.query_one("#path")
        (self.query_one("#formats") if path.has_focus else path).focus()

    def action_copy(self) -> None:
        self.desk.copy(self.text, f"{self._name} as {self.form}")

    def action_write(self) -> None:
        """Write the file; asks first if there is one."""
        value = self.query_one("#path", Input).value.strip()
        if not value:
            self.desk.notify("Name a file.", severity="warning", markup=False)
            return
        path = Path(value)

        def look() -> tuple[Path, bool]:
            full = path.expanduser()
            return full, full.exists()

        self.desk.background(look, lambda found: self._write(*found), self._failed(path))

    def _write(self, path: Path, there: bool) -> None:
        data = self.text.encode("utf-8", "surrogatepass")

        def save() -> int:
            return path.write_bytes(data)

        def saved(size: int) -> None:
            self.desk.notify(f"Written: {one_line(str(path), 200)}, {size:,} bytes.", markup=False)
            self.dismiss(None)

        def go() -> None:
            self.desk.background(save, saved, self._failed(path))

        if not there:
            go()
            return
        shown = one_line(str(path), 200)
        confirm(
            self.app,
            "Replace the file?",
            ("Leave it", "nothing is written"),
            ("Replace it", "what is in it now is lost"),
            go,
            lambda width: paint.text_lines(shown, width),
        )

    def _failed(self, path: Path) -> Callable[[BaseException], None]:
        def told(error: BaseException) -> None:
            from promptopt.domain.errors import SettingsError

            reason = getattr(error, "strerror", None) or str(error)
            self.desk.show_error(SettingsError(f"the file can't be written: {reason}", where=str(path)))

        return told

    def action_leave(self) -> None:
        if self.query_one("#path").has_focus:
            self.query_one("#formats").focus()
            return
        self.dismiss(None)
