"""What happened in a run that its user wants to know of, also while looking elsewhere."""

from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.views.view import View

NEARLY = 0.9
"""Share of a budget from which its end is near."""


class News:
    """Tells each thing once. What was so already at the first look is no news."""

    def __init__(self) -> None:
        self._told: set[str] | None = None

    def of(self, view: View) -> list[str]:
        """What is new since the last call, in words."""
        now = _facts(view)
        if self._told is None:
            self._told = set(now)
        new = [said for fact, said in now.items() if fact not in self._told]
        # A run that goes on may end again; a budget that was raised may run out again.
        self._told = set(now)
        return new


def _facts(view: View) -> dict[str, str]:
    """What holds now: a name for it, and how it is told."""
    facts: dict[str, str] = {}
    state = view.state
    if state.finished:
        facts["over"] = _end(view)
    elif view.status == "interrupted":
        facts["interrupted"] = "its worker died; R resumes it, nothing is paid twice"
    if view.live and state.edit and state.edit.waiting:
        facts[f"edit {state.edit.command_id}"] = "your edit was scored: go on from it?"
    if view.live and state.wishes.waiting:
        facts["proposal"] = "a proposal waits for your consent"
    if view.live and state.pause_reason:
        facts["paused"] = f"paused itself: {one_line(state.pause_reason, 100)}"
    for name, meter in state.meters.items():
        if view.live and meter.limit and meter.spent + meter.held >= NEARLY * meter.limit:
            what = name.replace("_", " ").replace("usd", "money").replace("minutes", "time")
            held = f" and {fm.amount(name, meter.held)} held for the test" if meter.held else ""
            of = f"{fm.amount(name, meter.spent)}{held}, of {fm.amount(name, meter.limit)}"
            facts[f"budget {name}"] = f"its budget is nearly used up ({what}: {of})"
    return facts


def _end(view: View) -> str:
    finished = view.state.finished
    assert finished
    if finished.comparison:
        return f"{finished.status}: {finished.comparison.verdict}, {fm.gap(finished.comparison)}"
    reason = fm.STOP_REASONS.get(finished.stop_reason, finished.stop_reason)
    return f"{finished.status}: {reason}"


def title(view: View) -> str:
    """The run in the few words of a terminal's title: state, best score, project."""
    glyph, word, _ = fm.status_look(view.status)
    best = view.state.candidates.get(view.state.best_id)
    score = f" {fm.percent(best.validation.mean)}" if best and best.validation else ""
    project = one_line(view.state.project or (view.row.project if view.row else ""), 40)
    return f"{glyph} {word}{score} · {project} · promptopt"
