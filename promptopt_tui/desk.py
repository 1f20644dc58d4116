"""The app as its screens know it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from promptopt_tui.app import PromptoptApp


class AtDesk:
    """Mixed into what has an ``app``: gives that as what it is."""

    @property
    def desk(self) -> PromptoptApp:
        """The app: its client, its threads, its clock."""
        return cast("PromptoptApp", cast("Any", self).app)
