"""The app as its screens know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from textual.await_complete import AwaitComplete

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp


class AtDesk:
    """Mixed into what has an ``app``: gives that as what it is."""

    @property
    def desk(self) -> PromptoptApp:
        """The app: its client, its threads, its clock."""
        return cast("PromptoptApp", cast("Any", self).app)


class OnTop(AtDesk):
    """Mixed into screens, before Textual's class: each is left once."""

    @property
    def on_top(self) -> bool:
        """Nothing is in front of it. Textual calls a screen current that shines through a dialog, too."""
        return self.desk.screen is cast("Any", self)

    def dismiss(self, result: Any = None) -> AwaitComplete:
        """Leave the screen. A key that came in the same moment does not close the one beneath as well."""
        if not self.on_top:
            return AwaitComplete.nothing()
        return cast("Any", super()).dismiss(result)
