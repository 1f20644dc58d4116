"""What eval tells beside the score: classification metrics, and how far the prompt can be relied on."""

from typing import TYPE_CHECKING, Any

from promptopt.cli.output import say
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.runs.state import RunState
    from promptopt.store.cells import Cells
    from promptopt.store.database import Database

SHOWN = 12
"""Labels, and flaky cases, that are shown; ``--json`` has all."""


def measures(database: "Database", state: "RunState", cells: "Cells", run_id: str) -> dict[str, Any]:
    """``classification`` and ``reliability`` of an ``eval`` run over all splits that it scored.

    ``classification`` is None unless the expected outputs are labels, ``reliability`` unless each case was
    sent several times. Figures are rounded as all that is printed.
    """
    from promptopt.evaluation.classification import classify, label_reader
    from promptopt.evaluation.reliability import reliability
    from promptopt.runs.summary import DIGITS
    from promptopt.store.runs import Runs

    candidate = state.candidates.get(state.seed_id)
    splits = list(candidate.scores) if candidate else []
    cases = [case for split in splits for case in Runs(database).cases(run_id, split)]
    results = {
        name: result for split in splits for name, result in cells.results(state.seed_id, split).items()
    }
    labels = classify(cases, results, label_reader(Runs(database).settings(run_id)))
    relied = reliability(results.values())
    return {
        "classification": _rounded(labels.model_dump(mode="json"), DIGITS) if labels else None,
        "reliability": _rounded(relied.model_dump(mode="json"), DIGITS) if relied else None,
    }


def say_measures(found: dict[str, Any]) -> None:
    """Print them, as far as they are there."""
    if found["classification"]:
        _say_labels(found["classification"])
    if found["reliability"]:
        _say_reliability(found["reliability"])


def _say_labels(found: dict[str, Any]) -> None:
    none = f", {found['unnamed']} outputs name no label" if found["unnamed"] else ""
    say(f"labels: accuracy {found['accuracy']:.1%}, macro-F1 {found['macro_f1']:.3f}{none}")
    say("  label                 precision  recall     F1  answers")
    labels = sorted(found["labels"].items(), key=lambda item: item[1]["f1"])
    for label, score in labels[:SHOWN]:
        say(
            f"  {one_line(label, 20):20}  {score['precision']:9.1%}  {score['recall']:6.1%}"
            f"  {score['f1']:5.3f}  {score['answers']:7}"
        )
    if len(labels) > SHOWN:
        say(f"  and {len(labels) - SHOWN} better ones")


def _say_reliability(found: dict[str, Any]) -> None:
    k = found["repeats"]
    say(
        f"each case sent {k} times: {found['pass_hat'][str(k)]:.1%} pass every time (pass^{k}), "
        f"answers agree in {found['consistency']:.1%} of pairs, {len(found['flaky'])} flaky"
    )
    if found["flaky"]:
        more = f" and {len(found['flaky']) - SHOWN} more" if len(found["flaky"]) > SHOWN else ""
        say(f"  flaky: {', '.join(one_line(name, 30) for name in found['flaky'][:SHOWN])}{more}")


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, float):
        return round(value, digits)
    if isinstance(value, dict):
        return {key: _rounded(item, digits) for key, item in value.items()}  # type: ignore[misc]
    return value
