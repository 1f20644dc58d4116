"""The command palette: every action that makes sense now, the themes, and the way to runs and projects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.actions import ACTIONS, SCOPES, Scope
from promptopt_tui.desk import AtDesk
from promptopt_tui.views import proof

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp

LONGEST = 60
"""Characters of a project's name that are shown."""


@dataclass(frozen=True)
class Command:
    """A line of the palette.

    Attributes:
        name: what it is called, with its group before a colon.
        run: carries it out.
        about: what it does, in a sentence.
        common: shown before anything is typed.
    """

    name: str
    run: Callable[[], Any]
    about: str
    common: bool = True


class Commands(AtDesk, Provider):
    """Offers commands; a subclass says which."""

    def commands(self) -> Iterator[Command]:
        """What is offered now."""
        raise NotImplementedError

    async def discover(self) -> Hits:
        for command in self.commands():
            if command.common:
                name = command.name
                yield DiscoveryHit(Content(name), command.run, text=name, help=command.about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for command in self.commands():
            score = max(matcher.match(command.name), matcher.match(command.about) * 0.6)
            if score > 0:
                name = command.name
                yield Hit(score, matcher.highlight(name), command.run, text=name, help=command.about)


class ActionCommands(Commands):
    """What the screen under the palette can do."""

    def commands(self) -> Iterator[Command]:
        screen = self.screen
        may = getattr(screen, "may", lambda _: True)
        here: list[Scope] = ["anywhere", *getattr(screen, "scopes", ())]
        for action in ACTIONS:
            if action.palette and action.scope in here and may(action.id):
                group = "app" if action.scope == "anywhere" else SCOPES[action.scope].lower()
                keys = f"  ({action.key_names})" if action.key_names else ""
                run = partial(self.desk.do, action)
                yield Command(f"{group}: {action.label}{keys}", run, action.help)


class ThemeCommands(Commands):
    """The themes; the chosen line is shown in its colours."""

    def commands(self) -> Iterator[Command]:
        for theme in self.desk.our_themes.values():
            label = one_line(theme.label, LONGEST)
            yield Command(f"theme: {label}", ShowTheme(self.desk, theme.name), "Colours of this UI.")


class PlaceCommands(Commands):
    """Runs, projects and proofs of concept, found by what is typed."""

    async def startup(self) -> None:
        self._lists = await asyncio.to_thread(self.desk.client.lists)

    def commands(self) -> Iterator[Command]:
        for project in self._lists.projects:
            if not project.error:
                name = one_line(project.name, LONGEST)
                run = partial(self.desk.start_project, project.path, project.name)
                yield Command(f"project: run {name}", run, "Start a run of this project.", common=False)
        for row in self._lists.runs:
            _, status, _ = fm.status_look(row.status)
            name = f"run: open {row.id}  {one_line(row.project, LONGEST)}"
            about = f"{row.optimizer}, {status}, best {fm.percent(row.best_score)}"
            yield Command(name, partial(self.desk.open_run, row.id), about, common=False)
        for listed in self._lists.proofs:
            _, status, _ = proof.status_of(listed.row)
            name = f"proof: open {listed.row.id}  {one_line(listed.row.name, LONGEST)}"
            yield Command(name, partial(self.desk.open_proof, listed.row.id), status, common=False)


@dataclass(frozen=True)
class ShowTheme:
    """Shows a theme and remembers it; ``preview`` only shows it."""

    desk: PromptoptApp
    name: str

    def __call__(self) -> None:
        self.desk.choose_theme(self.name)

    def preview(self) -> None:
        self.desk.theme = self.name
