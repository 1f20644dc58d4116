"""The last line of a screen: the keys that can be used now."""

from textual import events
from textual.message import Message

from promptopt_tui import paint
from promptopt_tui.actions import Action
from promptopt_tui.widgets.canvas import Canvas

ALWAYS = 80
"""Actions with this place in the key line, or a later one, are shown before any other."""


class KeyLine(Canvas, can_focus=False):
    """Keys and what they do, as many as fit; a click on one is as good as the key."""

    DEFAULT_CSS = """
    KeyLine { dock: bottom; height: 1; overflow-y: hidden; scrollbar-gutter: auto; padding: 0 1; }
    """

    class Clicked(Message):
        """A key of the line was clicked."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def __init__(self) -> None:
        super().__init__(id="keys")
        self._spots: list[tuple[int, Action]] = []

    def show_actions(self, actions: list[Action], labels: dict[str, str] | None = None) -> None:
        """Show ``actions`` in order, the ways out and to the help whatever the room.

        Args:
            labels: other labels for some actions, by their ids.
        """
        actions = [action for action in actions if action.keys_now]
        pieces = {action.id: self._piece(action, labels or {}) for action in actions}
        room, chosen = self.width + 2, set[str]()
        for action in sorted(actions, key=lambda a: (a.show < ALWAYS, a.show)):
            size = paint.width_of(pieces[action.id])
            if size <= room:
                room -= size
                chosen.add(action.id)
        line: paint.Line = []
        self._spots = []
        for action in actions:
            if action.id in chosen:
                line += pieces[action.id]
                self._spots.append((paint.width_of(line), action))
        self.set_lines([line])

    @staticmethod
    def _piece(action: Action, labels: dict[str, str]) -> paint.Line:
        return [(action.key_names.split()[0], "key"), (f" {labels.get(action.id, action.label)}  ", "muted")]

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        for end, action in self._spots:
            if offset and offset.x < end - 2:
                self.post_message(self.Clicked(action))
                return
