"""What people ask of proposals, and the proposals that wait for them."""

from collections.abc import Sequence

from promptopt.domain.events import ProposalWaiting
from promptopt.domain.guidance import Guidance
from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, Span, text_lines, wrap
from promptopt_tui.views import diff
from promptopt_tui.views.view import View

FORMS: dict[str, Span] = {
    "note": ("note", "accent"),
    "keep": ("must contain", "good"),
    "avoid": ("must not contain", "warn"),
}
"""How a wish of each form is called, and its look."""

SHOWN = 4
"""Demands that the editor shows beside a text."""


def in_force(wishes: Sequence[Guidance], width: int) -> list[Line]:
    """What is asked of every proposal, with the numbers by which it is taken back."""
    if not wishes:
        return wrap(
            [("Nothing is asked of proposals yet. What you ask holds from the next one on.", "muted")], width
        )
    lines: list[Line] = []
    for wish in wishes:
        word, style = FORMS[wish.form]
        head: Line = [(f"{wish.number:>2} ", "bold"), (f"{word}  ", style)]
        lines += wrap([*head, (one_line(wish.text, 400), ""), (f"  {one_line(wish.by, 30)}", "muted")], width)
    return lines


def demands(wishes: Sequence[Guidance], text: str) -> Line:
    """Whether a text is as people ask, in one line: nothing if nothing is demanded."""
    line: Line = []
    asked = [wish for wish in wishes if wish.form != "note"]
    for wish in asked[:SHOWN]:
        met = wish.met_by(text)
        word, _ = FORMS[wish.form]
        line += [("✓ " if met else "✗ ", "good" if met else "bad"), (f"{word} ", "muted")]
        line += [(f"“{one_line(wish.text, 30)}”", "" if met else "bad"), ("   ", "")]
    if len(asked) > SHOWN:
        line.append((f"and {len(asked) - SHOWN} more", "muted"))
    return line


def proposal(view: View, told: ProposalWaiting, width: int) -> list[Line]:
    """A proposal that waits: where it comes from, why it was made, and what it changes."""
    state = view.state
    parent = state.candidates.get(told.parent_id or state.current_id)
    about: Line = []
    if told.iteration:
        about += [("iteration ", "muted"), (str(told.iteration), "bold"), ("   ", "")]
    if parent:
        about += [("made from ", "muted"), (view.name(parent.id), ""), ("   ", "")]
    about += [("by ", "muted"), (one_line(told.made_by or state.optimizer, 40), "")]
    lines = wrap(about, width)
    if told.reasoning:
        lines += [[], *wrap([("why: ", "muted"), (one_line(told.reasoning, 1000), "")], width)]
    if told.demonstrations:
        count = fm.plural(len(told.demonstrations), "demonstration")
        lines += [[], *wrap([(f"with {count} sent before each case", "muted")], width)]
        for demo in told.demonstrations:
            shown = one_line(" · ".join(demo.inputs.values()), 200)
            line: Line = [("  ", ""), (shown, ""), (" → ", "muted"), (one_line(demo.output, 80), "good")]
            lines += wrap(line, width, [("    ", "")])
    lines.append([])
    if parent is None:
        return lines + text_lines(told.text, width)
    if parent.text == told.text:
        return [*lines, [("the text is the same", "muted")]]
    added, removed = diff.changed(parent.text, told.text)
    counts: Line = [(f"+{fm.plural(added, 'line')}", "good"), (f"  -{fm.plural(removed, 'line')}", "bad")]
    return [*lines, counts, *diff.unified(parent.text, told.text, width)]
