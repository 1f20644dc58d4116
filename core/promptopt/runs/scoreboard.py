"""Runs side by side: what each optimizer reaches, at what cost, and which differences are more than luck.

Several runs of one optimizer (seeds) are one row: a case's score is its mean over them, so that the interval
is about the cases; how far the runs differ among themselves stands beside it. Differences are paired over the
same sealed cases, and their p-values corrected for their number (Holm).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean, stdev

from promptopt.domain.dataset import Split
from promptopt.domain.results import CaseResult, Comparison, Evaluation, Interval
from promptopt.evaluation.checks.reasons import lacks_verdict
from promptopt.evaluation.statistics import compare_several, interval
from promptopt.runs.outcomes import Outcome

NONE = "none"
"""Label of the prompt to start from, scored without any optimization."""

TOGETHER = "all datasets"


@dataclass(frozen=True)
class Entry:
    """One run at its place.

    Attributes:
        label: the optimizer as the table calls it; ``none`` for no optimization.
        outcome: what came out; None if there is no such run.
        judged: judge to its scores of the run's winner, case by case; None where it gave no verdict.
    """

    dataset: str
    label: str
    seed: int
    outcome: Outcome | None
    judged: Mapping[str, Mapping[str, float | None]] = field(
        default_factory=dict[str, Mapping[str, float | None]]
    )


@dataclass(frozen=True)
class Row:
    """An optimizer on a dataset, over its runs. Means are over the runs that were scored.

    Attributes:
        searched: some of its runs optimized; else it only scored, or held a tournament.
        runs, missing: how many were scored, and how many were not (failed, out of budget, not yet run).
        score: of the winners on the sealed cases.
        gain: against the baseline ``none``, or without one against the prompt to start from.
        usd, calls, tokens, seconds, iterations: means; ``usd`` is None if a price is unknown.
        converged: share of the runs that ended because everything passed.
        best_at: mean iteration that the winner came in.
        spread: standard deviation of the runs' scores; None for a single run.
        lowest, highest: scores of the worst and the best run.
        metrics: check to its mean score; None if it asks a judge that never gave a verdict.
        judges: judge to its mean score over its verdicts; None if it gave none.
        front: no other row of the dataset costs less and scores as high.
    """

    dataset: str
    label: str
    runs: int
    missing: int
    searched: bool = False
    score: Interval | None = None
    gain: Comparison | None = None
    usd: float | None = None
    calls: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0
    iterations: float = 0.0
    converged: float = 0.0
    best_at: float | None = None
    spread: float | None = None
    lowest: float = 0.0
    highest: float = 0.0
    metrics: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    judges: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    front: bool = False

    @property
    def baseline(self) -> bool:
        return self.label == NONE


@dataclass(frozen=True)
class Pair:
    """The second optimizer against the first, on the sealed cases that both were scored on."""

    dataset: str
    first: str
    second: str
    comparison: Comparison


@dataclass(frozen=True)
class Scoreboard:
    """All of it.

    Attributes:
        rows: by dataset, each in the order of the entries; with several datasets a block for all together.
        pairs: every two optimizers of a dataset, the baseline left out.
        cost_by: what the Pareto front counts as cost: ``usd``, or ``calls`` where no price tells.
        split: what the scores were measured on.
        notices: what limits the comparison, in words.
    """

    rows: tuple[Row, ...]
    pairs: tuple[Pair, ...]
    cost_by: str
    split: Split
    simulated: bool
    notices: tuple[str, ...] = ()

    def datasets(self) -> list[str]:
        """Names of the blocks, in order."""
        return list(dict.fromkeys(row.dataset for row in self.rows))

    def of(self, dataset: str) -> list[Row]:
        """The rows of a block."""
        return [row for row in self.rows if row.dataset == dataset]


def scoreboard(entries: Sequence[Entry], split: Split = "test") -> Scoreboard:
    """Put runs side by side."""
    datasets = list(dict.fromkeys(entry.dataset for entry in entries))
    cost_by = _cost_by(entries)
    rows: list[Row] = []
    pairs: list[Pair] = []
    for dataset in datasets:
        block = _Block(dataset, [entry for entry in entries if entry.dataset == dataset], split)
        rows += _with_front(block.rows(), cost_by)
        pairs += block.pairs()
    if len(datasets) > 1:
        together = _Block(TOGETHER, _pooled(entries), split)
        rows += _with_front(together.rows(), cost_by)
        pairs += together.pairs()
    return Scoreboard(
        rows=tuple(rows),
        pairs=tuple(pairs),
        cost_by=cost_by,
        split=split,
        simulated=any(entry.outcome.simulated for entry in entries if entry.outcome),
        notices=tuple(_notices(entries)),
    )


def labels_of(entries: Sequence[Entry]) -> list[str]:
    """Labels, in the order in which the rows of their scoreboard have them."""
    datasets = list(dict.fromkeys(entry.dataset for entry in entries))
    by_dataset = sorted(entries, key=lambda entry: datasets.index(entry.dataset))
    return list(dict.fromkeys(entry.label for entry in by_dataset))


class _Block:
    """One dataset."""

    def __init__(self, dataset: str, entries: Sequence[Entry], split: Split) -> None:
        self._dataset = dataset
        self._split: Split = split
        self._entries: dict[str, list[Entry]] = {}
        for entry in entries:
            self._entries.setdefault(entry.label, []).append(entry)
        self._scored = {label: self._evaluation(each) for label, each in self._entries.items()}

    def rows(self) -> list[Row]:
        gains = self._gains()
        return [self._row(label, gains.get(label)) for label in self._entries]

    def pairs(self) -> list[Pair]:
        """Every two labels that were scored, Holm over all of them."""
        scored = [(label, each) for label, each in self._scored.items() if each and label != NONE]
        named = [(one, two) for at, one in enumerate(scored) for two in scored[at + 1 :]]
        found = compare_several([(one[1], two[1]) for one, two in named])
        return [
            Pair(self._dataset, one[0], two[0], comparison)
            for (one, two), comparison in zip(named, found, strict=True)
        ]

    def _gains(self) -> dict[str, Comparison]:
        """Each label against the baseline, Holm over all of them."""
        labels = [label for label, each in self._scored.items() if each and label != NONE]
        pairs: list[tuple[str, Evaluation, Evaluation]] = []
        for label in labels:
            after = self._scored[label]
            before = self._scored.get(NONE) or self._first(self._entries[label])
            if before and after:
                pairs.append((label, before, after))
        found = compare_several([(before, after) for _, before, after in pairs])
        return {label: comparison for (label, _, _), comparison in zip(pairs, found, strict=True)}

    def _evaluation(self, entries: Sequence[Entry]) -> Evaluation | None:
        return _over_runs([o.results for o in _scored(entries)], self._split)

    def _first(self, entries: Sequence[Entry]) -> Evaluation | None:
        return _over_runs([o.first for o in _scored(entries) if o.first], self._split)

    def _row(self, label: str, gain: Comparison | None) -> Row:
        entries = self._entries[label]
        outcomes = _scored(entries)
        evaluation = self._scored[label]
        missing = len(entries) - len(outcomes)
        if not outcomes or evaluation is None:
            return Row(self._dataset, label, 0, missing)
        scores = [_mean(outcome.results) for outcome in outcomes]
        costs = [outcome.usd for outcome in outcomes]
        when = [outcome.best_at for outcome in outcomes if outcome.best_at is not None]
        return Row(
            dataset=self._dataset,
            label=label,
            runs=len(outcomes),
            missing=missing,
            searched=any(outcome.kind == "optimize" for outcome in outcomes),
            score=evaluation.score,
            gain=gain,
            usd=None if None in costs else fmean(cost or 0.0 for cost in costs),
            calls=fmean(outcome.total_calls for outcome in outcomes),
            tokens=fmean(outcome.tokens for outcome in outcomes),
            seconds=fmean(outcome.seconds for outcome in outcomes),
            iterations=fmean(outcome.iterations for outcome in outcomes),
            converged=fmean(outcome.converged for outcome in outcomes),
            best_at=fmean(when) if when else None,
            spread=stdev(scores) if len(scores) > 1 else None,
            lowest=min(scores),
            highest=max(scores),
            metrics=_by_check(outcomes),
            judges=_by_judge(entries),
        )


def _scored(entries: Iterable[Entry]) -> list[Outcome]:
    return [entry.outcome for entry in entries if entry.outcome and entry.outcome.results]


def _over_runs(runs: Sequence[Sequence[CaseResult]], split: Split) -> Evaluation | None:
    """Several runs on the same cases as one evaluation: of each case the mean."""
    if not runs:
        return None
    known = [{result.case_id: result for result in run} for run in runs]
    shared = [result.case_id for result in runs[0] if all(result.case_id in run for run in known)]
    results = [_over([run[case_id] for run in known]) for case_id in shared]
    if not results:
        return None
    score = interval([result.score for result in results], [result.weight for result in results])
    return Evaluation(prompt_id="", split=split, results=tuple(results), score=score)


def _over(results: Sequence[CaseResult]) -> CaseResult:
    first = results[0]
    if len(results) == 1:
        return first
    return CaseResult(
        case_id=first.case_id,
        score=fmean(result.score for result in results),
        passed=all(result.passed for result in results),
        weight=first.weight,
    )


def _mean(results: Sequence[CaseResult]) -> float:
    return _weighted([(result.weight, result.score) for result in results])


def _weighted(pairs: Sequence[tuple[float, float]]) -> float:
    return sum(weight * value for weight, value in pairs) / sum(weight for weight, _ in pairs)


def _by_check(outcomes: Sequence[Outcome]) -> dict[str, float | None]:
    """Check to its mean score over the cases that it judged; one without any verdict has none."""
    found: dict[str, list[tuple[float, float]]] = {}
    silent = {name for name, (missing, asked) in _unsaid(outcomes).items() if missing == asked}
    for outcome in outcomes:
        for result in outcome.results:
            for check in result.checks:
                found.setdefault(check.name, []).append((result.weight, check.score))
    return {name: None if name in silent else _weighted(pairs) for name, pairs in found.items()}


def _unsaid(outcomes: Iterable[Outcome]) -> dict[str, tuple[int, int]]:
    """Check to the outputs that the judge it asks gave no verdict on, and all that it was asked about."""
    found: dict[str, tuple[int, int]] = {}
    for outcome in outcomes:
        for result in outcome.results:
            for check in result.checks:
                missing, asked = found.get(check.name, (0, 0))
                found[check.name] = missing + lacks_verdict(check.reason), asked + 1
    return found


def _said(entries: Iterable[Entry]) -> dict[str, list[float | None]]:
    """Judge to all its scores, None where it gave no verdict."""
    found: dict[str, list[float | None]] = {}
    for entry in entries:
        for judge, scores in entry.judged.items():
            found.setdefault(judge, []).extend(scores.values())
    return found


def _by_judge(entries: Sequence[Entry]) -> dict[str, float | None]:
    means: dict[str, float | None] = {}
    for judge, scores in _said(entries).items():
        given = [score for score in scores if score is not None]
        if scores:
            means[judge] = fmean(given) if given else None
    return means


def _pooled(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of several datasets as of one, in which each dataset weighs the same.

    An optimizer that lacks a run on one of them has no score there: it would be compared on easier cases.
    """
    datasets = list(dict.fromkeys(entry.dataset for entry in entries))
    by_place = {(e.dataset, e.label, e.seed): e for e in entries}
    pooled: list[Entry] = []
    for label, seed in dict.fromkeys((entry.label, entry.seed) for entry in entries):
        places = [(dataset, label, seed) for dataset in datasets]
        parts = [by_place[place] for place in places if place in by_place]
        outcomes = _scored(parts)
        whole = _sum(datasets, outcomes) if len(outcomes) == len(datasets) else None
        judged: dict[str, dict[str, float | None]] = {}
        for part in parts:
            for judge, scores in part.judged.items():
                more = {f"{part.dataset}/{case}": value for case, value in scores.items()}
                judged.setdefault(judge, {}).update(more)
        pooled.append(Entry(TOGETHER, label, seed, whole, judged))
    return pooled


def _sum(datasets: Sequence[str], outcomes: Sequence[Outcome]) -> Outcome:
    """Runs on several datasets as one run on all of them."""
    first = outcomes[0]

    def joined(of: Callable[[Outcome], Sequence[CaseResult]]) -> tuple[CaseResult, ...]:
        found: list[CaseResult] = []
        for dataset, outcome in zip(datasets, outcomes, strict=True):
            results = of(outcome)
            total = sum(result.weight for result in results)
            found += [
                result.model_copy(
                    update={"case_id": f"{dataset}/{result.case_id}", "weight": result.weight / total}
                )
                for result in results
            ]
        return tuple(found)

    costs = [outcome.usd for outcome in outcomes]
    when = [outcome.best_at for outcome in outcomes if outcome.best_at is not None]
    roles = {role for outcome in outcomes for role in outcome.calls}
    return Outcome(
        run_id="",
        optimizer=first.optimizer,
        kind=first.kind,
        status=first.status,
        stop_reason="",
        detail="",
        simulated=any(outcome.simulated for outcome in outcomes),
        split=first.split,
        results=joined(lambda outcome: outcome.results),
        first=joined(lambda outcome: outcome.first),
        best_id="",
        seed_id="",
        prompt="",
        validation=None,
        usd=None if None in costs else sum(cost or 0.0 for cost in costs),
        uncertain=sum(outcome.uncertain for outcome in outcomes),
        calls={role: sum(outcome.calls.get(role, 0) for outcome in outcomes) for role in sorted(roles)},
        tokens=sum(outcome.tokens for outcome in outcomes),
        seconds=sum(outcome.seconds for outcome in outcomes),
        iterations=round(fmean(outcome.iterations for outcome in outcomes)),
        converged=fmean(outcome.converged for outcome in outcomes),
        best_at=round(fmean(when)) if when else None,
    )


def _cost_by(entries: Sequence[Entry]) -> str:
    """USD if every run's price is known and any run cost something, else calls."""
    costs = [entry.outcome.usd for entry in entries if entry.outcome and entry.outcome.results]
    return "usd" if costs and None not in costs and any(costs) else "calls"


def cost_of(row: Row, cost_by: str) -> float:
    """What a row costs, in the scoreboard's measure."""
    return (row.usd or 0.0) if cost_by == "usd" else row.calls


def _with_front(rows: Sequence[Row], cost_by: str) -> list[Row]:
    return [_marked(row, rows, cost_by) for row in rows]


def _marked(row: Row, rows: Sequence[Row], cost_by: str) -> Row:
    if row.score is None:
        return row
    cost, score = cost_of(row, cost_by), row.score.mean
    beaten = any(
        other is not row
        and other.score is not None
        and other.score.mean >= score
        and cost_of(other, cost_by) <= cost
        and (other.score.mean > score or cost_of(other, cost_by) < cost)
        for other in rows
    )
    return replace(row, front=not beaten)


def _notices(entries: Sequence[Entry]) -> list[str]:
    told: list[str] = []
    if any(entry.outcome.simulated for entry in entries if entry.outcome):
        told.append("simulated models: these figures say nothing about a real one")
    for entry in entries:
        place = f"{entry.label} on {entry.dataset}, seed {entry.seed}"
        outcome = entry.outcome
        if outcome is None:
            told.append(f"{place}: not run")
        elif not outcome.results:
            why = outcome.detail or outcome.stop_reason or outcome.status
            told.append(f"{place}: no score ({why.splitlines()[0][:200]})")
        elif outcome.stop_reason == "budget" and outcome.kind != "eval":
            told.append(f"{place}: its share of the budget ended it ({outcome.detail[:200]})")
    return told + _silence(entries)


def _silence(entries: Sequence[Entry]) -> list[str]:
    """Of judges that gave no verdict on some outputs."""
    told: list[str] = []
    for judge, scores in _said(entries).items():
        missing = scores.count(None)
        if missing and missing == len(scores):
            told.append(f"judge {judge} gave no verdict on any of {missing} outputs, so it has no mean")
        elif missing:
            which = f"{missing} of {len(scores)} outputs"
            told.append(f"judge {judge} gave no verdict on {which}; its means leave them out")
    for check, (missing, asked) in _unsaid(_scored(entries)).items():
        if missing:
            which = f"any of {asked}" if missing == asked else f"{missing} of {asked}"
            told.append(f"check {check} got no verdict on {which} outputs; these count as failed")
    return told
