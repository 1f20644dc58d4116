"""How the app behaves whatever it shows: colours, keys, what it remembers, how it calls for its user."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.style import Style
from textual.app import App
from textual.widget import Widget

import promptopt_themes
from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.notebook.host import in_notebook
from promptopt_tui import keymap, paint, theming
from promptopt_tui.preferences import Preferences, data_folder
from promptopt_tui.terminal import Terminal

LOOK = 1.0
"""Seconds between looks at the files of one's own themes and keys."""

TOLD = 5
"""Problems of such files that are told at once."""


FEW_COLORS = ("standard", "windows", None)
"""Colour systems of terminals that have sixteen colours or fewer."""


def is_dark(color_fgbg: str) -> bool:
    """Whether a terminal's background is dark, by the variable ``COLORFGBG`` that some set: ``0;15``."""
    return color_fgbg.rpartition(";")[2] not in ("7", "15")


def needs_terminal() -> None:
    """Raise SettingsError in a cell: what the app writes would go to the terminal of Jupyter's server."""
    if in_notebook():
        raise SettingsError(
            "the terminal UI needs a terminal, and a cell is none",
            fix="call promptopt.tui() instead (import promptopt): it opens in the cell",
        )


class Manners(App[int], inherit_bindings=False):
    """An app with themes and keys of its user's own, read again as soon as their files change."""

    def __init__(self) -> None:
        self._styles: dict[str, Style] = {}
        self._folder = data_folder()
        self.preferences = Preferences(self._folder)
        self.our_themes, self._problems = theming.load(self._folder)
        # With NO_COLOR Textual paints greys, unless it may leave the colours to the terminal.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self._terminal: Terminal | None = None
        self._read = self._files()
        for theme in self.our_themes.values():
            self.register_theme(theming.to_textual(theme))
        self.theme = "ansi-dark"
        self._show_chosen_theme()
        self._use_keys()

    def run(self, **options: Any) -> int | None:
        if not options.get("headless"):
            needs_terminal()
        return super().run(**options)

    async def run_async(self, **options: Any) -> int | None:
        if not options.get("headless"):
            needs_terminal()
        return await super().run_async(**options)

    def on_mount(self) -> None:
        self._tell_problems()
        self.set_interval(LOOK, self._look)

    def on_unmount(self) -> None:
        self.terminal.close()

    # Jump mode

    def action_jump(self) -> None:
        from promptopt_tui.screens.jump import JumpScreen, places

        screen = self.screen
        targets = places(screen.focus_chain)

        def chosen(target: Widget | None) -> None:
            if target is not None and target.is_attached:
                target.focus()

        if targets and not isinstance(screen, JumpScreen):
            self.push_screen(JumpScreen(targets), chosen)

    # Calling for its user

    @property
    def terminal(self) -> Terminal:
        """The terminal, as far as there is one to be told anything."""
        if self._terminal is None:
            driver = self._driver
            deaf = driver is None or driver.is_headless or driver.is_web
            self._terminal = Terminal(None if deaf or driver is None else driver.write)
        return self._terminal

    def call(self, text: str) -> None:
        """Tell the user, who may be looking elsewhere: as ``notify`` in ``tui.toml`` says."""
        self.notify(text, markup=False)
        wanted = self.preferences.get("notify", "blurred")
        if wanted == "always" or (wanted != "never" and not self.app_focus):
            self.terminal.call(f"promptopt: {text}")

    # Colours

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theming.variables(self.our_themes[promptopt_themes.DEFAULT].colors)

    @property
    def palette(self) -> dict[str, Style]:
        """Styles of the theme in force, by the names in :mod:`promptopt_tui.paint`."""
        if not self._styles:
            theme = self.our_themes.get(self.theme) or self.our_themes[promptopt_themes.DEFAULT]
            self._styles = paint.monochrome() if self.no_color else theming.palette(theme)
        return self._styles

    def get_css_variables(self) -> dict[str, str]:
        self._styles = {}  # they are made of these
        return super().get_css_variables()

    def _chosen_theme(self) -> str:
        name = self.preferences.get("theme", promptopt_themes.DEFAULT)
        theme = self.our_themes.get(name) or self.our_themes[promptopt_themes.DEFAULT]
        if not theme.of_terminal and self._has_few_colors():
            return promptopt_themes.FOR_FEW_COLORS[is_dark(os.environ.get("COLORFGBG", ""))]
        return theme.name

    def _show_chosen_theme(self) -> None:
        if not self.no_color:
            self.theme = self._chosen_theme()

    def _has_few_colors(self) -> bool:
        """Whether the terminal has sixteen colours; what is no terminal (a browser, a test) has all."""
        stdout = sys.__stdout__
        return stdout is not None and stdout.isatty() and self.console.color_system in FEW_COLORS

    def action_theme(self) -> None:
        names = [*self.our_themes]
        place = names.index(self.theme) if self.theme in names else -1
        self.choose_theme(names[(place + 1) % len(names)])

    def choose_theme(self, name: str) -> None:
        """Show a theme from now on, and remember it."""
        self.theme = name
        self.preferences.set("theme", name)
        self.notify(f"Theme: {one_line(self.our_themes[name].label, 60)}", timeout=2, markup=False)

    # Files of one's own

    def _files(self) -> dict[Path, int]:
        """The files that themes and keys come from, and when each was changed."""
        return dict(_stamps(self._folder)) if self._folder else {}

    def _look(self) -> None:
        """Read the files of one's own again if any was changed."""
        files = self._files()
        if files == self._read:
            return
        self._read = files
        self.our_themes, self._problems = theming.load(self._folder)
        for theme in self.our_themes.values():
            self.register_theme(theming.to_textual(theme))
        if self.theme in self.our_themes:
            self.mutate_reactive(App.theme)
        else:
            self._show_chosen_theme()
        self._use_keys()
        self._tell_problems()

    def _use_keys(self) -> None:
        found = keymap.load(self._folder)
        self._problems += found.problems
        self.set_keymap(found.use())

    def _tell_problems(self) -> None:
        if self._problems:
            said = "\n".join(one_line(problem, 200) for problem in self._problems[:TOLD])
            self.notify(f"Left out of your own themes and keys:\n{said}", severity="warning", markup=False)


def _stamps(folder: Path) -> Iterator[tuple[Path, int]]:
    for path in (folder / keymap.FILE, *sorted((folder / "themes").glob("*.toml"))):
        try:
            yield path, path.stat().st_mtime_ns
        except OSError:
            continue
