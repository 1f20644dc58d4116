"""Evidence of a run or of an experiment, from what these have told already."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from promptopt.domain.dataset import Example, Split
from promptopt.domain.drafted import PARAPHRASE
from promptopt.domain.results import CaseResult, Interval
from promptopt.domain.settings import ModelSettings
from promptopt.domain.text import one_line
from promptopt.enterprise.case.evidence import Contender, Evidence, Pair, Usage
from promptopt.enterprise.consistency import Consistency, consistency
from promptopt.evaluation.statistics import interval, mean_interval
from promptopt.experiments.results import results_of
from promptopt.models.prices import lookup_price
from promptopt.runs.outcomes import Outcome, outcome_of
from promptopt.runs.scoreboard import NONE, TOGETHER, Entry, Row, Scoreboard
from promptopt.runs.state import RunState, fold
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.experiments import ExperimentRow, Experiments
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

PAIRS = 4
"""Examples that are kept."""

LONGEST = 1_500
"""Characters of each text of an example."""


def evidence_of(database: Database, reference: str = "latest") -> Evidence:
    """What a run, or an experiment (its id begins with x), has measured.

    Raises:
        RunError: there is no such run or experiment.
    """
    if reference.startswith("x"):
        return _of_experiment(database, Experiments(database).find(reference))
    return _of_run(database, Runs(database).find(reference))


def chosen_outcome(entries: Sequence[Entry]) -> tuple[str, Outcome] | None:
    """The label of the optimizer that is chosen, and the run of its whose winner is taken; None if none is.

    Chosen is who has the highest mean validation score over all of its runs, and of these the run with the
    highest. The sealed test has no say: what is chosen by a test is flattered by it.
    """
    found: dict[str, list[tuple[float, Outcome]]] = {}
    for entry in entries:
        one = entry.outcome
        if one and one.kind == "optimize" and entry.label != NONE and one.validation and one.results:
            found.setdefault(entry.label, []).append((one.validation.mean, one))
    if not found:
        return None
    label = max(found, key=lambda name: fmean(score for score, _ in found[name]))
    return label, max(found[label], key=lambda pair: pair[0])[1]


def _of_run(database: Database, row: RunRow) -> Evidence:
    state = fold(RunLog(database, row.id))
    outcome = outcome_of(database, row, "test")
    split: Split = "test"
    if not outcome.results:
        split = "validation"
        outcome = outcome_of(database, row, split)
    comparison = state.finished.comparison if state.finished else None
    cases = {case.id: case for case in Runs(database).cases(row.id, split)}
    label = outcome.optimizer if outcome.kind == "optimize" else f"{outcome.kind} of one prompt"
    chosen = Contender(
        label=label,
        score=_score(outcome.results),
        gain=comparison,
        validation=outcome.validation.mean if outcome.validation else None,
        usd=None if row.simulated else outcome.usd,
        calls=outcome.total_calls,
        seconds=outcome.seconds,
        chosen=True,
    )
    start = Contender(label=NONE, score=_score(outcome.first))
    target = _target(database, row.id)
    return Evidence(
        **_common(database, [outcome], [outcome.first], [outcome.results], cases),
        **_prices([target] if target else []),
        title=one_line(row.project, 120),
        source=f"run {row.id}",
        run_ids=(row.id,),
        split=split,
        n=len(outcome.results),
        simulated=row.simulated,
        over=state.over,
        optimizer=label,
        comparison=comparison,
        same=bool(outcome.best_id) and outcome.best_id == outcome.seed_id,
        note=_note(state, outcome),
        must_pass_broken=tuple(state.finished.must_pass_broken) if state.finished else (),
        contenders=(chosen, start) if outcome.first and chosen.score else (chosen,),
        pairs=_pairs(cases, outcome.first, outcome.results),
    )


def _of_experiment(database: Database, experiment: ExperimentRow) -> Evidence:
    board, entries = results_of(database, experiment)
    datasets = [name for name in board.datasets() if name != TOGETHER]
    block = board.of(TOGETHER if len(datasets) > 1 else datasets[0]) if datasets else []
    contenders = [_contender(row, entries) for row in block]
    chosen = chosen_outcome(entries)
    best = next((one for one in contenders if chosen and one.label == chosen[0] and one.score), None)
    contenders = [one.model_copy(update={"chosen": one is best}) for one in contenders]
    runs = [e.outcome for e in entries if e.outcome]
    mine = [e for e in entries if best and e.label == best.label and e.outcome and e.outcome.results]
    outcomes = [e.outcome for e in mine if e.outcome]
    cases = _cases(database, mine, board.split)
    firsts = [_placed(e.dataset, e.outcome.first) for e in mine if e.outcome]
    results = [_placed(e.dataset, e.outcome.results) for e in mine if e.outcome]
    targets = [found for o in outcomes[:20] if (found := _target(database, o.run_id))]
    common = _common(database, outcomes, firsts, results, cases)
    # The scoreboard's scores are those that the gain is a difference of: each dataset weighs the same.
    start = next((one.score for one in contenders if one.label == NONE and one.score), None)
    if best and best.score and start:
        common |= {"baseline": start, "best": best.score}
    return Evidence(
        **{**common, **_all_spent(runs)},
        **_prices(targets),
        title=one_line(experiment.name, 120),
        source=f"experiment {experiment.id}",
        run_ids=tuple(o.run_id for o in runs),
        experiment_id=experiment.id,
        split=board.split,
        n=best.score.n if best and best.score else 0,
        simulated=board.simulated or experiment.simulated,
        over=all(o.status in ("finished", "stopped", "failed") for o in runs) and len(runs) == len(entries),
        optimizer=best.label if best else "",
        comparison=best.gain if best else None,
        same=bool(outcomes) and all(o.best_id == o.seed_id for o in outcomes),
        note=_board_note(board, best),
        contenders=tuple(contenders),
        pairs=_pairs(cases, firsts[0], results[0]) if firsts else (),
    )


def _common(
    database: Database,
    outcomes: Sequence[Outcome],
    firsts: Sequence[Sequence[CaseResult]],
    results: Sequence[Sequence[CaseResult]],
    cases: Mapping[str, Example],
) -> dict[str, Any]:
    before, after = _by_case(firsts), _by_case(results)
    first = outcomes[0] if outcomes else None
    seed = Cells(database, first.run_id).prompt(first.seed_id) if first and first.seed_id else None
    return {
        "baseline": _mean_score(before),
        "best": _mean_score(after),
        "passed_before": _passed(before),
        "passed_after": _passed(after),
        "before": _usage(before),
        "after": _usage(after),
        "consistency": _consistency(results, cases, outcomes),
        "first_prompt": seed.text if seed else "",
        "best_prompt": first.prompt if first else "",
        **_all_spent(outcomes),
    }


def _all_spent(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    costs = [outcome.usd for outcome in outcomes]
    simulated = any(outcome.simulated for outcome in outcomes)
    return {
        "search_usd": None if simulated or not costs or None in costs else sum(cost or 0.0 for cost in costs),
        "search_uncertain_usd": sum(outcome.uncertain for outcome in outcomes),
        "search_calls": sum(outcome.total_calls for outcome in outcomes),
        "search_seconds": sum(outcome.seconds for outcome in outcomes),
    }


def _contender(row: Row, entries: Sequence[Entry]) -> Contender:
    here = [e.outcome for e in entries if e.label == row.label and e.outcome]
    validated = [o.validation.mean for o in here if o.validation and o.kind == "optimize"]
    return Contender(
        label=row.label,
        score=row.score,
        gain=row.gain,
        validation=fmean(validated) if validated else None,
        usd=None if any(o.simulated for o in here) else row.usd,
        calls=row.calls,
        seconds=row.seconds,
        runs=max(1, row.runs),
    )


def _note(state: RunState, outcome: Outcome) -> str:
    finished = state.finished
    if finished is None:
        return "The run is not over."
    if finished.test_note:
        return one_line(finished.test_note, 300)
    if finished.comparison is None:
        if outcome.best_id == outcome.seed_id and state.has_search:
            return "No better prompt was found: the best is the one it began with."
        return "The run made no sealed test, so nothing is claimed of new cases."
    return ""


def _board_note(board: Scoreboard, best: Contender | None) -> str:
    if best is None:
        return "No optimizer of this experiment has a score yet."
    told = [f"{best.label} was chosen by its validation score, not by the sealed test."]
    return " ".join([*told, *(_sentence(notice) for notice in board.notices[:3])])


def _sentence(notice: str) -> str:
    text = one_line(notice, 200)
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _by_case(runs: Sequence[Sequence[CaseResult]]) -> dict[str, list[CaseResult]]:
    found: dict[str, list[CaseResult]] = {}
    for run in runs:
        for result in run:
            found.setdefault(result.case_id, []).append(result)
    return found


def _mean_score(found: Mapping[str, Sequence[CaseResult]]) -> Interval | None:
    if not found:
        return None
    scores = [fmean(result.score for result in results) for results in found.values()]
    return interval(scores, [results[0].weight for results in found.values()])


def _score(results: Sequence[CaseResult]) -> Interval | None:
    return _mean_score(_by_case([results]))


def _passed(found: Mapping[str, Sequence[CaseResult]]) -> Interval | None:
    if not found:
        return None
    return interval([float(all(result.passed for result in results)) for results in found.values()])


def _usage(found: Mapping[str, Sequence[CaseResult]]) -> Usage | None:
    """Means over the cases; of a case over its runs and answers. Calls that failed used nothing."""
    cases = [[result for result in results if not result.error] for results in found.values()]
    cases = [results for results in cases if results]
    if not cases:
        return None

    def each(of: str) -> Interval:
        return mean_interval([fmean(getattr(r, of) / _answers(r) for r in results) for results in cases])

    priced = all(result.cost is not None for results in cases for result in results)
    return Usage(
        tokens_in=each("prompt_tokens"),
        tokens_out=each("completion_tokens"),
        seconds=mean_interval([fmean(result.latency for result in results) for results in cases]),
        usd=each("cost") if priced else None,
    )


def _answers(result: CaseResult) -> int:
    return max(1, len(result.samples))


def _consistency(
    results: Sequence[Sequence[CaseResult]], cases: Mapping[str, Example], outcomes: Sequence[Outcome]
) -> Consistency | None:
    """Of cases that were sent several times, or are several phrasings of one task; None if there are none."""
    tasks: dict[str, list[str]] = {}
    scores: dict[str, list[float]] = {}
    for result in (result for run in results[:1] for result in run):
        case = cases.get(result.case_id)
        group = case.group if case and case.group and PARAPHRASE in case.tags else result.case_id
        drawn = [(s.output, s.score) for s in result.samples if not s.error]
        for output, score in drawn or ([] if result.error else [(result.output, result.score)]):
            tasks.setdefault(group, []).append(output)
            scores.setdefault(group, []).append(score)
    if not any(len(outputs) > 1 for outputs in tasks.values()):
        return None
    return consistency(
        tasks, scores=scores, simulated=outcomes[0].simulated, source=f"run {outcomes[0].run_id}"
    )


def _placed(dataset: str, results: Iterable[CaseResult]) -> list[CaseResult]:
    """Results under ids that are unique among datasets."""
    return [result.model_copy(update={"case_id": f"{dataset}/{result.case_id}"}) for result in results]


def _cases(database: Database, entries: Sequence[Entry], split: Split) -> dict[str, Example]:
    found: dict[str, Example] = {}
    for dataset in dict.fromkeys(entry.dataset for entry in entries):
        outcome = next(e.outcome for e in entries if e.dataset == dataset and e.outcome)
        for case in Runs(database).cases(outcome.run_id, split):
            found[f"{dataset}/{case.id}"] = case
    return found


def _pairs(
    cases: Mapping[str, Example], first: Sequence[CaseResult], after: Sequence[CaseResult]
) -> tuple[Pair, ...]:
    """What changed most: mostly gains, and a loss if there is one; else what stayed."""
    before = {result.case_id: result for result in first}
    both = [(before[r.case_id], r) for r in after if r.case_id in before and r.case_id in cases]
    moved = sorted(both, key=lambda pair: pair[0].score - pair[1].score)
    better = [pair for pair in moved if pair[1].score > pair[0].score]
    worse = [pair for pair in reversed(moved) if pair[1].score < pair[0].score]
    shown = better[: PAIRS - min(1, len(worse))] + worse[:1]
    if not shown:
        shown = [pair for pair in both if pair[1].output != pair[0].output][:2] or both[:1]
    return tuple(_pair(cases[new.case_id], old, new) for old, new in shown)


def _pair(case: Example, old: CaseResult, new: CaseResult) -> Pair:
    change = "better" if new.score > old.score else "worse" if new.score < old.score else "the same"
    texts = (case.input_text, case.expected or "", old.output or old.error, new.output or new.error)
    given, expected, before, after = (text[:LONGEST] for text in texts)
    return Pair(
        case_id=new.case_id, given=given, expected=expected, before=before, after=after, change=change
    )


def _target(database: Database, run_id: str) -> ModelSettings | None:
    return Runs(database).settings(run_id).models.get("target") if run_id else None


def _prices(targets: Sequence[ModelSettings]) -> dict[str, Any]:
    """Name and price of the target model; no price if there are several models with several prices."""
    names = list(dict.fromkeys(target.model for target in targets))
    prices = [lookup_price(target) for target in targets]
    model = one_line(", ".join(names), 120)
    if not prices or any(price != prices[0] for price in prices) or prices[0] is None:
        return {"model": model}
    target = targets[0]
    by = f"Price list of litellm for {model}"
    if target.price is not None:
        by = f"Price of {model} in the project's settings"
    elif target.free:
        by = f"{model} is set as free of charge in the project"
    return {"model": model, "price": prices[0], "priced_by": by}
