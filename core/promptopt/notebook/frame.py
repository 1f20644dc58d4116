"""What a cell shows of a run at one moment: plain values, small whatever the size of the run.

Made while nobody else can look at the run, drawn after that. All texts are cut and made safe to show here;
the templates escape them.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from promptopt.domain import figures as fm
from promptopt.domain.figures import Look
from promptopt.domain.text import one_line, sanitize
from promptopt.reporting.course import Course, course_of
from promptopt.runs import brackets, drafts, pacing
from promptopt.runs.placing import standing
from promptopt.runs.standings import Candidate
from promptopt.runs.state import RunState
from promptopt.store.runs import RunRow

MOST_ROWS = 10
"""Candidates in the standings."""

MOST_CATEGORIES = 8

LINES = 8
"""Lines of the log."""

LONGEST = 160
"""Characters of a line of the log, a reason, a proposal's reasoning."""

PROMPT = 4000
"""Characters of a prompt."""

PHASES = {
    "baseline": "scoring the prompt to start from",
    "search": "searching",
    "test": "sealed test",
    "tournament": "tournament",
    "generation": "making cases",
}


@dataclass(frozen=True)
class Bar:
    """How much of something is done: ``share`` in [0, 1], and the same in words."""

    label: str
    share: float
    said: str


@dataclass(frozen=True)
class Standing:
    """A row of the standings."""

    name: str
    source: Look
    score: str
    test: str
    place: Look


@dataclass(frozen=True)
class Spent:
    """A meter of the budget; shares of its cap in [0, 1], None if it has none."""

    label: str
    spent: str
    limit: str
    share: float | None
    more: str


@dataclass(frozen=True)
class Waiting:
    """Something that waits for a person's answer."""

    what: str
    said: str
    text: str = ""


@dataclass(frozen=True)
class Line:
    """A line of the log."""

    at: str
    level: str
    text: str


@dataclass(frozen=True)
class Frame:
    """A run at one moment, in words and numbers.

    Attributes:
        seed, best: texts of the prompt to start from and of the best one.
        doing: what it is busy with.
        banners: what needs attention: a look and a sentence.
        rated: the standings are those of a tournament.
    """

    run_id: str
    project: str
    optimizer: str
    status: Look
    simulated: str
    doing: str
    run_time: str
    money: str
    bars: tuple[Bar, ...]
    ending: str
    scores: tuple[tuple[str, str], ...]
    banners: tuple[tuple[Look, str], ...]
    waiting: Waiting | None
    course: Course | None
    seed: str
    best: str
    best_name: str
    categories: tuple[tuple[str, int, float], ...]
    categories_of: str
    standings: tuple[Standing, ...]
    rated: bool
    left_out: int
    budget: tuple[Spent, ...]
    log: tuple[Line, ...]
    over: bool
    active_seconds: float
    hint: str = ""


def frame_of(
    state: RunState,
    row: RunRow,
    status: str,
    *,
    now: float | None = None,
    shown_seconds: float = 0.0,
    hint: str = "",
) -> Frame:
    """A run as it stands.

    Args:
        state: the fold; only read while nobody changes it.
        status: how the run stands, ``interrupted`` and ``starting`` included.
        now: seconds since the epoch; default: what the clock says.
        shown_seconds: the run time that was shown last: it never goes back.
        hint: what its viewer can do about it.
    """
    at = time.time() if now is None else now
    active = max(shown_seconds, pacing.active_seconds(state, row, status, at))
    best, seed = state.candidates.get(state.best_id), state.candidates.get(state.seed_id)
    told = _told(state, best)
    rated = _is_rated(state)
    ranks = _ratings(state) if rated else [_row(state, each) for each in state.standings()[:MOST_ROWS]]
    players = len(state.tournament.ratings) if rated and state.tournament else len(state.candidates)
    return Frame(
        run_id=row.id,
        project=one_line(state.project or row.project, 60),
        optimizer=one_line(state.optimizer or row.optimizer, 40),
        status=("○", "starting", "muted") if status == "starting" else fm.status_look(status),
        simulated=_simulated(state, row),
        doing=_doing(state, status),
        run_time=fm.clock(active),
        money=_money(state),
        bars=tuple(_bars(state)),
        ending=_ending(state, status, active, at),
        scores=tuple(_scores(seed, best)),
        banners=tuple(_banners(state, row, status)),
        waiting=_waiting(state, status),
        course=course_of(state),
        seed=_prompt(seed),
        best=_prompt(best),
        best_name=one_line(best.name, 40) if best else "",
        categories=tuple(_categories(state, told)),
        categories_of=one_line(told.name, 40) if told else "",
        standings=tuple(ranks),
        rated=rated,
        left_out=max(0, players - len(ranks)),
        budget=tuple(_budget(state)),
        log=tuple(_log(state)),
        over=state.over,
        active_seconds=active,
        hint=hint,
    )


def _prompt(candidate: Candidate | None) -> str:
    return sanitize(candidate.text, PROMPT) if candidate else ""


def _simulated(state: RunState, row: RunRow) -> str:
    if not (state.simulated or row.simulated):
        return ""
    roles = [role for role, model in state.models.items() if model.simulated]
    if 0 < len(roles) < len(state.models):
        return f"in part: the built-in simulator is the {' and the '.join(roles)} model"
    return "these figures come from the built-in simulator, not from a model"


def _doing(state: RunState, status: str) -> str:
    """The phase, or what was asked for that is to come."""
    stop = state.stop_requested
    if state.over or status == "interrupted":
        return ""
    if stop is not None:
        return "ends after this iteration" if stop.after_iteration and state.phase != "test" else "stopping"
    if state.stepping:
        return "pauses at the next iteration"
    if state.version == 0:
        return "waiting for its worker"
    stage = f", stage {state.stage.number}: {state.stage.optimizer}" if state.stage else ""
    doing = PHASES.get(state.phase, "getting ready") + (stage if state.phase == "search" else "")
    calls = f" · {fm.plural(state.in_flight, 'call')} in flight" if state.in_flight else ""
    return one_line(doing, 80) + calls


def _money(state: RunState) -> str:
    meter = state.meters.get("usd")
    if meter is None:
        return "–"
    said = "unknown" if state.unpriced and not meter.spent else fm.usd(meter.spent)
    said += " + unknown" if state.unpriced and meter.spent else ""
    return said + (f" of {fm.usd(meter.limit)}" if meter.limit is not None else "")


def _bars(state: RunState) -> Iterable[Bar]:
    """How far the iterations are, and the evaluation under way."""
    if state.iteration:
        most = state.max_iterations
        said = f"{state.iteration} of {most}" if most else str(state.iteration)
        yield Bar("iteration", min(1.0, state.iteration / most) if most else 0.0, said)
    now = pacing.going_on(state)
    if state.tournament and not state.tournament.final:
        yield Bar("tournament", 0.0, brackets.progress(state))
    if state.generation:
        made = state.generation
        repeated = f", {made.repetitions:,} left out as repetitions" if made.repetitions else ""
        yield Bar(
            "cases", made.done / made.plan.count, f"{made.done:,} of {made.plan.count:,} made{repeated}"
        )
    if now and not state.over:
        failed = now.done - now.passed
        said = f"{now.done:,} of {now.total:,} cases: ✓ {now.passed:,} pass, ✗ {failed:,} fail"
        name = one_line(state.name(now.candidate_id), 40)
        yield Bar(f"{name} on {now.split}", now.done / now.total if now.total else 0.0, said)


def _ending(state: RunState, status: str, active: float, now: float) -> str:
    left = pacing.seconds_left(state, active, status)
    if left is None:
        return ""
    until = "" if status == "paused" else f", until {fm.time_of_day(now + left)[:5]}"
    return f"about {fm.clock(left)} left{until}"


def _scores(seed: Candidate | None, best: Candidate | None) -> Iterable[tuple[str, str]]:
    """Of the seed and of the best one, on validation and, once it was scored, on the sealed test."""
    for label, candidate in (("seed", seed), ("best", best if best is not seed else None)):
        for split, score in candidate.scores.items() if candidate else ():
            where = "sealed test" if split == "test" else split
            if split != "train":
                yield f"{label} on {where}", fm.interval(score.interval)


def _banners(state: RunState, row: RunRow, status: str) -> Iterable[tuple[Look, str]]:
    finished = state.finished
    if status == "paused" and state.pause_reason:
        yield ("!", "paused itself", "bad"), one_line(state.pause_reason, 400)
    if status == "interrupted":
        yield ("!", "interrupted", "bad"), "its worker died; run.resume() goes on, and nothing is paid twice"
    if finished is None:
        return
    if finished.status == "failed":
        again = "; mend that, then run.resume()" if state.resumable else ""
        yield ("✗", "failed", "bad"), one_line(finished.detail, 600) + again
    elif finished.comparison:
        look = fm.VERDICTS[finished.comparison.verdict]
        than = "from" if finished.comparison.verdict == "not distinguishable" else "than"
        said = "" if finished.comparison.doubt else f", p = {finished.comparison.p_value:.3g}"
        sure = fm.gap(finished.comparison) + said
        yield look, f"{than} the seed on the sealed test: {sure}"
    elif result := _result(state):
        yield ("✓", "result", "good"), one_line(result, LONGEST)
    elif finished.stop_reason != "scored":
        yield ("≈", "not tested", "warn"), one_line(finished.test_note or "no sealed test", LONGEST)
    if finished.must_pass_broken:
        named = one_line(", ".join(finished.must_pass_broken[:6]), LONGEST)
        yield ("!", "must pass, and broken", "bad"), named
    if finished.status != "failed":
        why = finished.detail or fm.STOP_REASONS.get(finished.stop_reason, finished.stop_reason)
        yield ("■", "ended", "muted"), one_line(why, LONGEST)


def _result(state: RunState) -> str:
    """What came out of a run that does not search; empty if it does, or has only scored."""
    if state.generation:
        return drafts.result(state.generation)
    if not state.has_search and state.tournament:
        return brackets.leader(state) or "nothing was played"
    return ""


def _waiting(state: RunState, status: str) -> Waiting | None:
    """What waits for a person: an edit that was scored, else the oldest proposal."""
    if state.over or not pacing.is_live(status):
        return None
    edit, proposals = state.edit, state.wishes.waiting
    if edit and edit.waiting and edit.comparison:
        verdict, gap = edit.comparison.verdict, fm.gap(edit.comparison)
        than = "from" if verdict == "not distinguishable" else "than"
        said = f"It is {verdict} {than} {state.name(edit.against_id)}: {gap}. {state.on_edit}"
        text = state.candidates.get(edit.candidate_id)
        return Waiting("an edit waits for your answer", one_line(said, 400), _cut(text))
    if proposals:
        told = next(iter(proposals.values()))[0]
        count = "a proposal waits" if len(proposals) == 1 else f"{len(proposals)} proposals wait"
        return Waiting(f"{count} for your consent", one_line(told.reasoning, LONGEST), _shorter(told.text))
    return None


def _cut(candidate: Candidate | None) -> str:
    return _shorter(candidate.text) if candidate else ""


def _shorter(text: str) -> str:
    return sanitize(text, 800)


def _told(state: RunState, best: Candidate | None) -> Candidate | None:
    """Whose errors are told: of the one under evaluation if it has any yet, else of the best one."""
    now = pacing.going_on(state)
    shown = state.candidates.get(now.candidate_id) if now else None
    for candidate in (shown, state.candidates.get(state.current_id), best):
        if candidate and _counts(state, candidate):
            return candidate
    return None


def _counts(state: RunState, candidate: Candidate) -> dict[str, int]:
    """Error category to cases, from the case marks at hand, else from the last feedback."""
    for split in ("validation", "test"):
        marks = state.marks.get((candidate.id, split))
        if marks and marks.failed:
            return marks.failed
    return candidate.categories


def _categories(state: RunState, told: Candidate | None) -> Iterable[tuple[str, int, float]]:
    counts = _counts(state, told) if told else {}
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    most = ordered[0][1] if ordered else 1
    for name, number in ordered[:MOST_CATEGORIES]:
        yield one_line(name, 60), number, number / most
    rest = sum(number for _, number in ordered[MOST_CATEGORIES:])
    if rest:
        yield "others", rest, min(1.0, rest / most)


def _row(state: RunState, candidate: Candidate) -> Standing:
    test = candidate.scores.get("test")
    return Standing(
        name=one_line(candidate.name, 40),
        source=fm.SOURCES[candidate.source],
        score=fm.interval(candidate.validation),
        test=fm.interval(test.interval) if test else "",
        place=standing(state, candidate),
    )


def _is_rated(state: RunState) -> bool:
    return state.tournament is not None and not state.has_search


def _ratings(state: RunState) -> list[Standing]:
    assert state.tournament
    rows: list[Standing] = []
    for each in state.tournament.ratings[:MOST_ROWS]:
        candidate = state.candidates.get(each.candidate_id)
        source = fm.SOURCES[candidate.source] if candidate else fm.SOURCES["optimizer"]
        score = f"{round(each.rating):+d} [{round(each.low):+d}, {round(each.high):+d}]"
        place: Look = ("★", "first", "good") if each.candidate_id == state.best_id else ("", "", "")
        name = one_line(state.name(each.candidate_id), 40)
        rows.append(Standing(name, source, score, f"{each.p_best:.0%}", place))
    return rows


def _budget(state: RunState) -> Iterable[Spent]:
    meters = state.meters
    mains = [name for name in ("usd", "calls", "tokens", "minutes") if name in meters]
    capped = [name for name in meters if name not in mains and meters[name].limit is not None]
    for name in [*mains, *capped]:
        meter = meters[name]
        unknown = name.endswith("usd") and bool(state.unpriced)
        spent = "unknown" if unknown and not meter.spent else fm.amount(name, meter.spent)
        parts = (("reserved", meter.reserved), ("for the test", meter.held), ("uncertain", meter.uncertain))
        yield Spent(
            label=name.replace("_", " ").replace("usd", "money").replace("minutes", "time"),
            spent=spent + (" + unknown" if unknown and meter.spent else ""),
            limit="no limit" if meter.limit is None else fm.amount(name, meter.limit),
            share=min(1.0, meter.spent / meter.limit) if meter.limit else None,
            more=" · ".join(f"{label} {fm.amount(name, value)}" for label, value in parts if value),
        )


def _log(state: RunState) -> Iterable[Line]:
    for line in list(state.activity)[-LINES:]:
        yield Line(fm.time_of_day(line.at), line.level, one_line(line.text, LONGEST))
