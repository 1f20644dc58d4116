"""The app without a terminal of its own: drawn into a pipe, for a page that ``promptopt.tui()`` shows."""

from __future__ import annotations

import os
from typing import Any

from textual import messages
from textual.app import App
from textual.drivers.web_driver import WebDriver


class RemoteDriver(WebDriver):
    """Textual's web driver, for a page that may be loaded again, and a parent that may be gone."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._write = self._write_all

    def run_input_thread(self) -> None:
        """Read until there is nobody any more who could say anything: then the app ends."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._app.post_message(messages.ExitApp())

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        if packet_type == "attach":
            super().on_meta("resize", payload)
            self._app.call_later(self._draw_anew)
        else:
            super().on_meta(packet_type, payload)

    def _draw_anew(self) -> None:
        """Draw on a page that knows of nothing yet."""
        self.write("\x1b[?1049h\x1b[?25l")
        self._enable_mouse_support()
        self._enable_bracketed_paste()
        self._request_terminal_sync_mode_support()
        for screen in self._app.screen_stack:
            screen.refresh(layout=True)
        self._app.refresh(layout=True)

    def _write_all(self, data: bytes) -> int:
        """A signal may cut a write to a full pipe short, and after half a packet none is understood."""
        left = memoryview(data)
        while left:
            left = left[os.write(self.fileno, left) :]
        return len(data)
