"""Rewriting the prompt of a run."""

import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import TextArea

from promptopt.domain.guidance import Guidance
from promptopt.domain.text import sanitize
from promptopt.runs.tokens import size_of, tokens_of
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.actions import BY_ID, bindings
from promptopt_tui.desk import AtDesk, OnTop
from promptopt_tui.screens.dialogs import Dialog, Option, confirm
from promptopt_tui.screens.filling import REASON, FillScreen
from promptopt_tui.views import diff, wishes
from promptopt_tui.widgets.canvas import Canvas


def restored(original: str, after: str) -> str:
    """``after``, an edit of ``sanitize(original)``, with the lines that were left alone as they were."""
    old, new = original.replace("\r\n", "\n").split("\n"), after.split("\n")
    shown = [sanitize(line) for line in old]
    for a, b, size in SequenceMatcher(None, shown, new, autojunk=False).get_matching_blocks():
        new[b : b + size] = old[a : a + size]
    return "\n".join(new)


class PromptArea(AtDesk, TextArea):
    """A text area that takes no control characters in, and shows where a prompt has marks for its case."""

    def get_line(self, line_index: int) -> Text:
        """A line as it is shown."""
        line = super().get_line(line_index)
        for match in diff.PLACEHOLDER.finditer(line.plain):
            line.stylize(self.desk.palette["key"], *match.span())
        return line

    async def _on_paste(self, event: events.Paste) -> None:
        # Terminals send a carriage return for each line break. Then TextArea's own handler takes it.
        event.text = sanitize(event.text.replace("\r\n", "\n").replace("\r", "\n"))


@dataclass(frozen=True)
class Written:
    """What a person wrote, and why; ``reason`` may be empty."""

    text: str
    reason: str = ""


@dataclass(frozen=True)
class Purpose:
    """What a text is written for.

    Attributes:
        title: of the editor, before the name of the prompt that it begins with.
        meaning: what it means for the run, in a label and a sentence.
        detail: what is done with the text when it is sent.
        send: sending it, in a word or two.
    """

    title: str
    meaning: tuple[str, str]
    detail: str = "on validation, against the prompt it would replace"
    send: str = "Score it"


def editing(on_edit: str) -> Purpose:
    """Rewriting the current prompt; ``on_edit``: what it means to go on from it."""
    return Purpose("Edit the current prompt", ("if you then go on from it: ", on_edit))


INJECTING = Purpose(
    "Put a prompt in the running; you begin with",
    ("the search: ", "it goes on as before. Your prompt stands in the running and can win."),
    "on validation, beside the search",
)


class EditScreen(OnTop, ModalScreen[Written | None]):
    """A prompt in an editor; answers the new text, or None.

    Args:
        text: the prompt as it is.
        name: what it is called.
        purpose: what the new text is for.
        demands: what people ask of prompts; whether the text is so is shown as it is typed.
    """

    BINDINGS = bindings("editor")

    def __init__(self, text: str, name: str, purpose: Purpose, demands: Sequence[Guidance] = ()) -> None:
        super().__init__(classes="-editor")
        self._title = name
        self._purpose = purpose
        self._demands = demands
        self._marks = list(dict.fromkeys(diff.PLACEHOLDER.findall(text)))
        self._original = text
        self._before = sanitize(text)
        self._unsafe = self._before != text.replace("\r\n", "\n")

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = Content(paint.one_line(f"{self._purpose.title}: {self._title}", 80))
            area = PromptArea(self._before, id="area", soft_wrap=True, show_line_numbers=False)
            area.cursor_blink = False
            yield area
            yield Canvas(id="state")
            yield Canvas(id="hints")

    def on_mount(self) -> None:
        self.query_one("#state").can_focus = False
        self.query_one(PromptArea).focus()
        self.call_after_refresh(self._hint)

    @on(TextArea.Changed)
    def _tell(self) -> None:
        """Say how long the text is, which marks of the case it lost, and whether it is as people ask."""
        canvas = self.query_one("#state", Canvas)
        if not canvas.width:
            return
        tokens = round(tokens_of(size_of(self.text)).likely or 0)
        line: paint.Line = [(f"about {tokens:,} tokens", "muted"), ("   ", "")]
        for mark in self._marks:
            there = mark in self.text
            line += (
                [(mark, "accent"), ("   ", "")] if there else [(f"✗ {mark} is missing", "bad"), ("   ", "")]
            )
        canvas.set_lines([paint.cut([*line, *wishes.demands(self._demands, self.text)], canvas.width)])

    def on_resize(self) -> None:
        self.call_after_refresh(self._hint)

    def _hint(self) -> None:
        self._tell()
        line: paint.Line = []
        for action_id in ("editor.save", "editor.external", "editor.discard"):
            if action_id == "editor.external" and self.app.is_web:
                continue
            action = BY_ID[action_id]
            line += [(action.key_names, "key"), (f" {action.label}   ", "muted")]
        if self._unsafe:
            line += [("lines you change lose their control characters", "warn")]
        self.query_one("#hints", Canvas).set_lines([paint.cut(line, self.query_one("#hints", Canvas).width)])

    @property
    def text(self) -> str:
        """The text as it stands."""
        return self.query_one(PromptArea).text

    def action_save(self) -> None:
        before, after = self._before, self.text
        if after == before:
            self.app.notify("Nothing was changed.", markup=False)
            return
        if not after.strip():
            self.app.notify("The prompt is empty.", severity="warning", markup=False)
            return
        added, removed = diff.changed(before, after)
        meaning = self._purpose.meaning

        def build(width: int) -> list[paint.Line]:
            return [
                [(f"+{fm.plural(added, 'line')}", "good"), (f"  -{fm.plural(removed, 'line')}", "bad")],
                *paint.wrap([(meaning[0], "muted"), (meaning[1], "")], width),
                [],
                *diff.unified(before, after, width),
            ]

        options = [
            Option("y", self._purpose.send, self._purpose.detail, "send"),
            Option("w", f"{self._purpose.send}, and say why", "the reason is kept with the run", "why"),
            Option("n", "Go on editing", "", ""),
        ]

        def explained(given: dict[str, str] | None) -> None:
            if given is not None:
                self.dismiss(Written(restored(self._original, after), given["reason"]))

        def answered(answer: str | None) -> None:
            if answer == "why":
                self.app.push_screen(FillScreen("Why this change?", [REASON]), explained)
            elif answer:
                explained({"reason": ""})

        self.app.push_screen(Dialog("Send this change?", build, options, kind="-tall"), answered)

    def action_discard(self) -> None:
        if self.text == self._before:
            self.dismiss(None)
            return
        confirm(
            self.app,
            "Discard the change?",
            ("Go on editing", ""),
            ("Discard", "what you wrote is lost"),
            lambda: self.dismiss(None),
            lambda width: [[("The prompt was changed and not sent.", "")]],
        )

    def action_external(self) -> None:
        if self.app.is_web:
            return
        command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi")
        with tempfile.TemporaryDirectory(prefix="promptopt-") as folder:
            path = Path(folder) / "prompt.txt"
            # Editors end a file with a newline that nobody typed; it is taken away again.
            path.write_text(f"{self.text}\n", "utf-8")
            try:
                with self.app.suspend():
                    subprocess.run([*command, str(path)], check=False)
                text = sanitize(path.read_text("utf-8", errors="replace"))
            except Exception as error:  # no such editor, or a terminal that can't be lent
                self.app.notify(f"The editor did not start: {error}", severity="error", markup=False)
                return
        self.query_one(PromptArea).load_text(text.removesuffix("\n"))
