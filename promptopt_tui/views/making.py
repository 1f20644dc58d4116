"""How a run goes that makes cases up: how many there are, of what, and what was left out."""

from promptopt.domain.text import one_line
from promptopt.runs.drafts import result
from promptopt_tui.paint import Line, columns, wrap
from promptopt_tui.views.view import View


def progress(view: View, width: int) -> list[Line]:
    """Cases made, what was left out, realism and quality, and the grid."""
    made = view.state.generation
    assert made
    share = made.done / made.plan.count
    lines: list[Line] = [
        columns(
            [("cases ", "muted"), (f"{made.done:,}", "bold"), (f" of {made.plan.count:,}", "muted")],
            [(f"{share:.0%}", "bold")],
            width,
        )
    ]
    for fault, count in made.left_out.items():
        lines.append(columns([(f"left out: {fault}", "muted")], [(f"{count:,}", "")], width))
    if made.realism is not None:
        lines.append(columns([("realism, of 10", "muted")], [(f"{made.realism:.1f}", "bold")], width))
    if made.quality:
        score = f"{made.quality['quality_score']:.1f}"
        lines.append(columns([("quality, of 10", "muted")], [(score, "bold")], width))
    return [*lines, *grid(view, width)]


def grid(view: View, width: int) -> list[Line]:
    """Of each persona, difficulty and situation, how many cases there are and are wanted."""
    made = view.state.generation
    assert made
    lines: list[Line] = []
    for dimension, values in made.by_dimension().items():
        lines += [[], [(dimension, "muted")]]
        for name, (have, wanted) in values.items():
            style = "good" if have >= wanted else ""
            lines.append(columns([(f"  {one_line(name, 40)}", "")], [(f"{have:,}/{wanted:,}", style)], width))
    return lines


def ending(view: View, width: int) -> list[Line]:
    """How such a run ended."""
    made = view.state.generation
    assert made
    whole = made.done >= made.plan.count
    pill = (" ✓ cases made ", "pill-good") if whole else (" ≈ fewer cases than wanted ", "pill-warn")
    run = view.state.run_id
    then = f"promptopt data review {run} goes through them, promptopt data save {run} writes them out."
    return [[pill, (f"  {result(made)}", "")], [], *wrap([(then, "muted")], width), *grid(view, width)]
