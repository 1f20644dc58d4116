"""The dialog in which the cockpit's panels are arranged."""

from textual.app import App

from promptopt_tui.paint import Line, wrap
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.views.arrangement import ALL, LAYOUTS
from promptopt_tui.views.header import TITLES, key_of
from promptopt_tui.widgets.deck import Deck

_ABOUT = "A layout is kept for the next time. On a narrow terminal there is one panel at a time."


def arrange_panels(app: App[int], deck: Deck, start: int | None = None) -> None:
    """Offer the layouts, and the panels to hide or to show, until the dialog is left."""
    options = _options(deck)
    if start is None:
        start = list(LAYOUTS).index(deck.layout_name)

    def build(width: int) -> list[Line]:
        return wrap([(_ABOUT, "muted")], width)

    def chosen(value: str | None) -> None:
        if value is None:
            return
        if value in LAYOUTS:
            deck.choose(value)
        elif value in deck.hidden:
            deck.go_to(value)
        else:
            deck.hide(value)
        arrange_panels(app, deck, [option.value for option in options].index(value))

    app.push_screen(Dialog("Arrange the panels", build, options, start=start), chosen)


def _options(deck: Deck) -> list[Option[str]]:
    here = deck.layout_name
    options = [
        Option(layout.key, f"{'●' if name == here else '○'} {layout.label}", layout.about, name)
        for name, layout in LAYOUTS.items()
    ]
    panels = [panel for panel in ALL if panel in deck.could_be]
    for panel in panels:
        hidden = panel in deck.hidden
        mark = "✗" if hidden else "✓"
        options.append(
            Option(key_of(panel), f"{mark} {TITLES[panel]}", "hidden" if hidden else "shown", panel)
        )
    return options
