"""Optimizers and settings that are tried out: who is in, who is out, what each gained on cases held out."""

from promptopt.domain.events import TrialMark
from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, columns, cut, wrap
from promptopt_tui.views.view import View


def trials(view: View, width: int) -> list[Line]:
    """A head, and two lines for each configuration; nothing if the run tries none."""
    told = view.state.trials
    if told is None:
        return []
    over = told.chosen is not None
    head: Line = [("tried out" if over else "trying out", "heading")]
    fold = f"{told.played} of {told.folds} folds"
    lines: list[Line] = [columns(head, [(fold, "muted")], width)]
    for place, trial in enumerate(told.trials):
        lines += _trial(trial, width, chosen=place == told.chosen, second=place == told.runner_up)
    if told.reason:
        lines += wrap([(one_line(told.reason, 400), "muted")], width)
    return [*lines, []]


def _trial(trial: TrialMark, width: int, *, chosen: bool, second: bool) -> list[Line]:
    if chosen:
        glyph, word, style = "★", "chosen", "good"
    elif trial.given_up is not None:
        glyph, word, style = "✗", f"out after fold {trial.given_up}", "muted"
    elif second:
        glyph, word, style = "·", "second", ""
    else:
        glyph, word, style = "…", "in", "accent"
    name: Line = [(f"{glyph} ", style), (one_line(str(trial), 80), "bold" if chosen else style)]
    lines = [columns(cut(name, max(8, width - len(word) - 1)), [(word, style)], width)]
    if trial.score is None and trial.gain is None:
        return [*lines, [("  not scored yet", "muted")]]
    said: Line = [("  ", ""), (fm.interval(trial.score), "")]
    if trial.gain is not None:
        gain = trial.gain
        good = "good" if gain.low > 0 else "bad" if gain.high < 0 else "muted"
        span = f"[{fm.points(gain.low)}, {fm.points(gain.high)}]"
        said += [("  gain ", "muted"), (fm.points(gain.mean), good), (f" {span}", "muted")]
    return [*lines, *wrap(columns(said, [], width), width, [("  ", "")])]
