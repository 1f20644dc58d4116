"""A run in figures: what it was, what it found, what it cost. JSON values only."""

from typing import Any

from promptopt.domain import events as ev
from promptopt.domain.forecast import Need
from promptopt.domain.results import Comparison
from promptopt.domain.words import ROLES, Role, Split
from promptopt.runs.brackets import tournament_figures
from promptopt.runs.drafts import generation_figures
from promptopt.runs.standings import Candidate
from promptopt.runs.state import RunState

DIGITS = 6


def summarize(state: RunState) -> dict[str, Any]:
    """The summary of a run, finished or under way.

    Scores are means in [0, 1] with their 95 % interval, money is in USD. ``cost_usd`` is None if a model in
    use has no known price. ``test`` and ``comparison`` are None until the sealed test was scored.
    ``uncertain`` is what calls without a known outcome may have cost at most. ``forecast`` is what the run
    was expected to need; None if nothing was foretold. ``withheld`` counts, by kind, the values of personal
    data and secrets that placeholders took the place of (``redacted``, in ``calls`` requests) and those for
    which requests were not made (``refused``). ``reused`` counts answers that earlier runs of the
    project paid for, by run; they are among those ``replayed``, and cost nothing. ``must_pass_broken`` names
    the cases of the sealed test that must pass, and that only the seed prompt passes. ``tournament`` is None
    if none was played, ``trials`` if no optimizers were tried out, ``generation`` if no cases were made up.
    """
    finished = state.finished
    comparison = finished.comparison if finished else None
    return {
        "run_id": state.run_id,
        "project": state.project,
        "optimizer": state.optimizer,
        "status": state.status,
        "stop_reason": finished.stop_reason if finished else None,
        "detail": finished.detail if finished else "",
        "simulated": state.simulated,
        "iterations": state.iteration,
        "seed": _candidate(state.candidates.get(state.seed_id)),
        "best": _candidate(state.candidates.get(state.best_id)),
        "comparison": comparison_summary(comparison) if comparison else None,
        "must_pass_broken": finished.must_pass_broken if finished else [],
        "test_note": finished.test_note if finished else "",
        **spending(state),
        "withheld": state.withheld.model_dump(exclude={"kind"}),
        "replayed": state.replayed,
        "reused": state.reused,
        "forecast": forecast_figures(state.forecast) if state.forecast else None,
        "tournament": tournament_figures(state),
        "trials": trials_figures(state.trials) if state.trials else None,
        "generation": generation_figures(state),
    }


def trials_figures(trials: ev.TrialsUpdated) -> dict[str, Any]:
    """How an optimizer was chosen, in figures: each trial's gain and score with its interval.

    ``chosen`` and ``runner_up`` are places in ``trials``, None until it is over; so is ``comparison``.
    """
    figures = trials.model_dump(mode="json", exclude={"kind", "comparison"})
    return figures | {"comparison": comparison_summary(trials.comparison) if trials.comparison else None}


def forecast_figures(forecast: ev.Forecast) -> dict[str, Any]:
    """A forecast in figures: each as ``low``, ``likely``, ``high``, None where nobody can say.

    ``cost_usd`` as a whole is None if a price is unknown.
    """
    return {
        **_need(forecast.total),
        "seconds": forecast.seconds.model_dump(),
        "iterations": forecast.iterations.model_dump() if forecast.iterations else None,
        "roles": {role: _need(need) | {"seconds": _seconds(need)} for role, need in forecast.roles.items()},
        "cap": forecast.cap.model_dump() if forecast.cap else None,
        "notes": forecast.notes,
    }


def _need(need: Need) -> dict[str, Any]:
    return {
        "calls": need.calls.model_dump(),
        "tokens": need.tokens.model_dump(),
        "cost_usd": need.usd.model_dump() if need.usd else None,
    }


def _seconds(need: Need) -> dict[str, Any] | None:
    return need.seconds.model_dump() if need.seconds else None


def spending(state: RunState) -> dict[str, Any]:
    """What the run has spent: ``cost_usd``, ``tokens``, ``calls``, and the ``uncertain`` part beside them.

    ``roles`` has the same of each model, and the ``seconds`` in which calls of it were under way; its
    ``cost_usd`` is None where the price is unknown.
    """
    return {
        "cost_usd": None if state.unpriced else _spent(state, "usd"),
        "tokens": int(_spent(state, "tokens")),
        "calls": int(_spent(state, "calls")),
        "uncertain": {
            name: kind(round(state.meters[name].uncertain, DIGITS)) if name in state.meters else kind(0)
            for name, kind in (("usd", float), ("calls", int), ("tokens", int))
        },
        "roles": {role: _spent_by(state, role) for role in ROLES if f"{role}_calls" in state.meters},
    }


def _spent_by(state: RunState, role: Role) -> dict[str, Any]:
    return {
        "calls": int(_spent(state, f"{role}_calls")),
        "tokens": int(_spent(state, f"{role}_tokens")),
        "cost_usd": None if role in state.unpriced else _spent(state, f"{role}_usd"),
        "seconds": round(60 * _spent(state, f"{role}_minutes"), 1),
    }


def score_on(candidate: Candidate, split: Split) -> dict[str, Any] | None:
    """A candidate's score on a split, None if it was not scored there."""
    score = candidate.scores.get(split)
    if score is None:
        return None
    return {
        "score": round(score.interval.mean, DIGITS),
        "low": round(score.interval.low, DIGITS),
        "high": round(score.interval.high, DIGITS),
        "n": score.interval.n,
        "passed": score.passed,
        "errors": score.errors,
        "at_once": None if score.at_once is None else round(score.at_once, 1),
    }


def _candidate(candidate: Candidate | None) -> dict[str, Any] | None:
    if candidate is None:
        return None
    return {
        "candidate_id": candidate.id,
        "prompt": candidate.text,
        "demonstrations": [demo.model_dump() for demo in candidate.demonstrations],
        "source": candidate.source,
        "iteration": candidate.iteration,
        "train": score_on(candidate, "train"),
        "validation": score_on(candidate, "validation"),
        "test": score_on(candidate, "test"),
        "failures": failures_of(candidate),
    }


def failures_of(candidate: Candidate) -> dict[str, Any] | None:
    """What fails alike under a candidate, and on which cases that was seen; None if nothing was analysed.

    Each of ``clusters`` has its ``category``, the ``detail`` that its cases share, their ``count``, the
    ``case_id`` of a typical one, and as ``contrast_id`` the passing case with the nearest input.
    """
    if not candidate.categories:
        return None
    return {
        "split": candidate.feedback_split,
        "categories": candidate.categories,
        "clusters": [cluster.model_dump() for cluster in candidate.clusters],
    }


def comparison_summary(comparison: Comparison) -> dict[str, Any]:
    """A comparison in figures. ``p_adjusted`` and ``wilcoxon`` are None where they do not apply.

    ``interval`` is a 95 % interval; of several comparisons (``together``) a simultaneous one.
    """
    gap = comparison.difference
    adjusted, ranks = comparison.p_adjusted, comparison.wilcoxon
    return {
        "verdict": comparison.verdict,
        "difference": round(gap.mean, DIGITS),
        "interval": [round(gap.low, DIGITS), round(gap.high, DIGITS)],
        "p_value": float(f"{comparison.p_value:.4g}"),
        "p_adjusted": None if adjusted is None else float(f"{adjusted:.4g}"),
        "together": comparison.together,
        "method": comparison.method,
        "effects": {name: round(value, DIGITS) for name, value in comparison.effects.items()},
        "wilcoxon": None if ranks is None else float(f"{ranks:.4g}"),
        "n": gap.n,
        "fixed": list(comparison.fixed),
        "broken": list(comparison.broken),
    }


def _spent(state: RunState, name: str) -> float:
    return round(state.meters[name].spent, DIGITS) if name in state.meters else 0.0
