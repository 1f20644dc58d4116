"""Asking whether the figure of a run's best prompt is to be put to the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, wrap
from promptopt_tui.screens.dialogs import confirm
from promptopt_tui.views.outcome import SIMULATED

if TYPE_CHECKING:
    from promptopt.domain.dataset import Split
    from promptopt_tui.screens.run import RunScreen


def ask_for_rescoring(run: RunScreen) -> None:
    """Offer to score a run's best prompt again, on the split that says most. It must have been scored."""
    state = run.follower.state
    best = state.candidates[state.best_id]
    order: tuple[Split, ...] = ("test", "validation", "train")
    split: Split = next(each for each in order if each in best.scores)
    score = best.scores[split].interval

    def build(width: int) -> list[Line]:
        said = (
            f"{state.name(best.id)} scored {fm.interval(score)} on {split}. It is sent again for these "
            f"{fm.plural(score.n, 'case')}, without any earlier answer, inside the run's caps. "
            "What comes out is a run of its own, whose result says whether the figure holds."
        )
        warning: list[Line] = [[], [(SIMULATED, "warn")]] if state.simulated else []
        return [*wrap([(said, "")], width), *warning]

    confirm(
        run.desk,
        "Does the figure hold?",
        ("Leave it", "nothing is sent"),
        ("Score it again", f"{fm.plural(score.n, 'case')} on {split}"),
        lambda: run.desk.start_rescoring(run.run_id, best.id, split),
        build,
    )
