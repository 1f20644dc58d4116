"""Why a run found nothing better, from what it told; and what to do about it.

Nothing here guesses: each finding rests on figures of the run, which it names.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from promptopt.domain.results import Interval
from promptopt.domain.text import one_line
from promptopt.evaluation.prospects import FEWEST_DIFFERING
from promptopt.evaluation.statistics import smallest_detectable
from promptopt.runs.standings import Candidate
from promptopt.runs.state import RunState

MANY_ERRORS = 0.1
"""Share of the cases without an answer from which errors, not prompts, may have made the score."""

DOMINATES = 0.5
"""Share of the failures from which one category is the one to mend."""

REFUSED = 0.4
"""Share of the proposals from which refusals are a reason of their own."""

FEW = 3
"""Of whatever is counted, fewer than this say nothing."""


@dataclass(frozen=True)
class Facts:
    """What the fold does not carry.

    Attributes:
        refusals: why proposals were refused, one reason for each.
        never_passed: validation cases that no candidate passes.
    """

    refusals: Sequence[str] = ()
    never_passed: Sequence[str] = ()


@dataclass(frozen=True)
class Finding:
    """A reason why nothing better was found, or none that is proven.

    Attributes:
        what: the reason, in a few words.
        why: the figures that it rests on.
        fix: what to do.
        cases: ids of the cases that it is about.
    """

    what: str
    why: str
    fix: str
    cases: Sequence[str] = field(default=())


def diagnose(state: RunState, facts: Facts) -> list[Finding]:
    """The reasons why a search that is over has no proven gain, those that weigh most first.

    Empty if it has one, if it is not over or has failed (which says itself why), or if it was no search.
    """
    finished = state.finished
    if finished is None or not state.unproven or state.seed_id not in state.candidates:
        return []
    if finished.status == "failed":
        return list(_errors(state, facts))
    rules: tuple[Callable[[RunState, Facts], Iterator[Finding]], ...] = (
        _ended_early,
        _errors,
        _no_room,
        _refused,
        _nothing_tried,
        _within_noise,
        _did_not_carry_over,
        _too_few_cases,
        _impossible_cases,
        _one_category,
    )
    return [finding for rule in rules for finding in rule(state, facts)]


def _tried(state: RunState) -> list[Candidate]:
    """Candidates other than the seed that were scored on validation."""
    return [each for each in state.course() if each.id != state.seed_id]


def _ended_early(state: RunState, facts: Facts) -> Iterator[Finding]:
    finished = state.finished
    assert finished
    tried = len(_tried(state))
    so_far = f"by then {_count(tried, 'candidate')} had been scored in {_count(state.iteration, 'iteration')}"
    detail = one_line(finished.detail, 300) or finished.stop_reason
    if finished.stop_reason == "budget":
        yield Finding(
            "the budget ended it",
            f"{detail}; {so_far}",
            "raise that cap in [budget]; promptopt estimate PROJECT says which one ends a run first",
        )
    elif finished.stop_reason == "max_iterations" and state.iteration <= FEW:
        yield Finding(
            "it was given few iterations",
            f"{detail}; {so_far}",
            "raise max_iterations in [optimizer]; most gains come later than that",
        )
    elif finished.stop_reason == "user" and tried < FEW:
        yield Finding("a person ended it early", so_far, "start it again, and let it go on for longer")


def _errors(state: RunState, facts: Facts) -> Iterator[Finding]:
    found = [
        (score.errors / score.interval.n, candidate.id, split, score)
        for candidate in state.everyone
        for split, score in candidate.scores.items()
        if score.errors >= FEW and score.interval.n
    ]
    share, candidate_id, split, score = max(found, key=lambda each: each[0], default=(0.0, "", "", None))
    if score is not None and share >= MANY_ERRORS:
        yield Finding(
            "many calls of the target failed",
            f"{score.errors} of {score.interval.n} answers never came when {state.name(candidate_id)} was "
            f"scored on {split}; they count as wrong, and hide what a prompt does",
            f"promptopt trace {state.run_id} --status failed names the causes; mend them first",
        )


def _no_room(state: RunState, facts: Facts) -> Iterator[Finding]:
    seed = state.candidates[state.seed_id].scores.get("validation")
    if seed is None or not seed.interval.n:
        return
    score = seed.interval
    if seed.passed == score.n:
        yield Finding(
            "there was no room for a gain",
            f"the prompt to start from passes all {score.n} validation cases",
            "add harder cases, or stricter checks: on these no better prompt can be told",
        )
    elif score.high >= 1 - 1e-9 or score.n - seed.passed < FEWEST_DIFFERING:
        yield Finding(
            "there was little room for a gain",
            f"the prompt to start from passes {seed.passed} of {score.n} validation cases "
            f"({_interval(score)}); a proof takes {FEWEST_DIFFERING} cases that only the new prompt passes",
            "add cases like those that fail",
        )


def _refused(state: RunState, facts: Facts) -> Iterator[Finding]:
    refused = len(facts.refusals)
    proposed = sum(each.source == "optimizer" for each in state.everyone)
    if refused < FEW or refused / (refused + proposed) < REFUSED:
        return
    same = sum("tried before" in reason for reason in facts.refusals)
    if same * 2 > refused:
        yield Finding(
            "the optimizer proposed the same again and again",
            f"{same} of {refused + proposed} proposals were refused as (nearly) one that was tried before",
            "raise the temperature of [models.optimizer], take a stronger model there, or describe in "
            "[task] what a good answer is",
        )
        return
    reason, times = Counter(one_line(each, 200) for each in facts.refusals).most_common(1)[0]
    yield Finding(
        "most proposals were refused",
        f"{refused} of {refused + proposed}; {times} of them because: {reason}",
        "take a stronger model for [models.optimizer], or give its answers more room (max_tokens)",
    )


def _nothing_tried(state: RunState, facts: Facts) -> Iterator[Finding]:
    finished = state.finished
    if finished and finished.stop_reason in ("budget", "user", "error"):
        return  # told already
    seed = state.candidates[state.seed_id].scores.get("validation")
    if not _tried(state) and seed and seed.passed < seed.interval.n and not facts.refusals:
        proposed = len(state.candidates) - 1
        yield Finding(
            "no proposal came as far as validation",
            f"{_count(proposed, 'candidate')} proposed, none scored there",
            f"the log says what became of each: promptopt attach {state.run_id}",
        )


def _within_noise(state: RunState, facts: Facts) -> Iterator[Finding]:
    tried = _tried(state)
    seed = state.candidates[state.seed_id].validation
    if seed is None or not tried or any(each.accepted for each in tried):
        return
    gains = [each.validation.mean - seed.mean for each in tried if each.validation]
    higher = sum(gain > 0 for gain in gains)
    visible = smallest_detectable(seed.n)
    if max(gains) > visible:
        best = tried[gains.index(max(gains))]
        said = one_line(best.judgement, 300) or "nothing was decided about it"
        yield Finding(
            "the proposal that scored highest was not taken",
            f"{best.name}, {max(gains) * 100:+.1f} points on validation: {said}",
            "if you want it all the same, take it from the standings, or edit the prompt into it",
        )
    elif higher:
        yield Finding(
            "every gain was within the noise",
            f"{higher} of {_count(len(tried), 'candidate')} scored higher than the prompt to start from, "
            f"by at most {max(gains) * 100:.1f} points; {seed.n} validation cases show about "
            f"{visible * 100:.0f} points",
            "more validation cases, or [evaluation] repeats if the answers vary, make smaller gains visible",
        )
    else:
        yield Finding(
            "no proposal scored higher",
            f"{_count(len(tried), 'candidate')} came as far as validation, the best with "
            f"{max(gains) * 100:+z.1f} points",
            "write in [task] what a good answer is, give a stronger model to [models.optimizer], or try "
            "another optimizer: promptopt optimizers --for PROJECT",
        )


def _did_not_carry_over(state: RunState, facts: Facts) -> Iterator[Finding]:
    finished = state.finished
    seed, best = state.candidates[state.seed_id], state.candidates.get(state.best_id)
    if finished is None or finished.comparison is None or best is None or best is seed:
        return
    if seed.validation is None or best.validation is None:
        return
    gain, tested = best.validation.mean - seed.validation.mean, finished.comparison.difference
    if gain > 0 and tested.mean < gain / 2:
        yield Finding(
            "the gain did not carry over to unseen cases",
            f"{gain * 100:+.1f} points on the validation cases, which chose it; on the sealed test "
            f"{tested.mean * 100:+.1f} [{tested.low * 100:+.1f}, {tested.high * 100:+.1f}]",
            "more, and more varied, validation cases: on few of them some prompt always looks good",
        )


def _too_few_cases(state: RunState, facts: Facts) -> Iterator[Finding]:
    finished = state.finished
    assert finished
    tests = state.sizes.get("test", 0)
    if not tests:
        yield Finding(
            "there is no sealed test",
            finished.test_note or "no case was held back for it",
            "give more cases, or a test share in [data]: without one no gain can be proven",
        )
    elif tests < FEWEST_DIFFERING:
        yield Finding(
            "the sealed test is too small for any proof",
            f"{_count(tests, 'case')}; a proof takes {FEWEST_DIFFERING} that differ, all in one direction",
            "give more cases, or a larger test share in [data]",
        )
    elif finished.comparison is not None and finished.comparison.verdict == "not distinguishable":
        gain = finished.comparison.difference.mean
        visible = smallest_detectable(tests)
        if 0 < gain < visible:
            yield Finding(
                "too few test cases for a gain of this size",
                f"{gain * 100:+.1f} points were seen; {tests} cases show about {visible * 100:.0f} and more",
                f"about {_enough(gain):,} test cases would show a gain of that size",
            )


def _impossible_cases(state: RunState, facts: Facts) -> Iterator[Finding]:
    total = state.sizes.get("validation", 0)
    never = facts.never_passed
    if len(state.course()) >= FEW and len(never) >= FEW and len(never) * 10 >= total:
        yield Finding(
            "some cases pass under no prompt",
            f"{len(never)} of {total} validation cases were failed by all {len(state.course())} prompts",
            f"look whether what they expect is right: promptopt show {state.run_id} --cases; if it is, "
            "the target may be too weak for them",
            tuple(never),
        )


def _one_category(state: RunState, facts: Facts) -> Iterator[Finding]:
    best = state.candidates.get(state.best_id)
    counts = best.categories if best else {}
    failed = sum(counts.values())
    if best is None or failed < FEW:
        return
    name, number = max(counts.items(), key=lambda item: item[1])
    if number >= FEW and number / failed >= DOMINATES:
        hints = "; ".join(one_line(each, 160) for each in best.suggestions[:2])
        yield Finding(
            f"one kind of failure is left: {one_line(name, 60)}",
            f"{number} of {failed} failed {best.feedback_split} cases under the best prompt",
            hints or "edit the prompt for just that, or write it into [task] as a constraint",
        )


def _enough(gain: float) -> int:
    """Test cases that show ``gain`` with 80 % power, if the prompts differ on 30 % of them."""
    return round(0.3 * (2.8 / gain) ** 2)


def _interval(score: Interval) -> str:
    return f"{score.mean:.1%} [{score.low:.1%}, {score.high:.1%}]"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
