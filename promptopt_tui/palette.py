"""The command palette: every action that makes sense now, and the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from promptopt_tui.actions import ACTIONS, SCOPES, Scope

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp


class ActionProvider(Provider):
    """Offers what the screen under the palette can do."""

    async def discover(self) -> Hits:
        for name, run, about in self._commands():
            yield DiscoveryHit(Content(name), run, text=name, help=about)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, run, about in self._commands():
            score = max(matcher.match(name), matcher.match(about) * 0.6)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, text=name, help=about)

    def _commands(self) -> Iterator[tuple[str, Callable[[], Any], str]]:
        app = cast("PromptoptApp", self.app)
        screen = self.screen
        may = getattr(screen, "may", lambda _: True)
        here: list[Scope] = ["anywhere", *getattr(screen, "scopes", ())]
        for action in ACTIONS:
            if action.palette and action.scope in here and may(action.id):
                group = "app" if action.scope == "anywhere" else SCOPES[action.scope].lower()
                keys = f"  ({action.key_names})" if action.key_names else ""
                yield f"{group}: {action.label}{keys}", partial(app.do, action), action.help
        for theme in app.our_themes.values():
            yield f"theme: {theme.label}", partial(app.choose_theme, theme.name), "Colours of this UI."
