"""Judge panels: one or more judge models compare two outputs.

Judges prefer a place (Zheng et al. 2023, arXiv 2306.05685), so that by default each is shown both orders, and
a verdict that turns with the order is a tie. They see the input, the two outputs and, if there is one, the
reference, as data between marks; never the prompts that the outputs came from.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from promptopt.domain.chat import LLMResponse
from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Message
from promptopt.evaluation.checks.asking import (
    MATERIAL,
    NoVerdict,
    conversation,
    read_confidence,
    read_winner,
)
from promptopt.tournament.together import together
from promptopt.tournament.voting import Record, Vote, Voting, count

Ask = Callable[[str, Sequence[Message], str, str], Awaitable[LLMResponse]]
"""Asks a judge: its name, messages, the path of the call in the run, and the case that it is about."""

Shown = Literal["both", "first", "second"]
"""Which orders are shown: both; or only one, in which the first output stands first, or second."""

CRITERIA = "It does what the input asks for, correctly and completely."
"""What makes an output good, where nobody says more."""

PATH = "duel"
"""Where verdicts are in the journal: equal questions of one run are answered once."""


@dataclass(frozen=True)
class PairVerdict:
    """What a panel says of two outputs.

    Attributes:
        value: 1 for the first, -1 for the second, 0 for a tie, None without a verdict.
        confidence: how sure the panel is, in [0, 1].
        votes: of each judge; none if nobody had to be asked.
        slot: 0.5 if the first output was shown first only, -0.5 if the second was, 0 for both orders or none.
        reason: why, in words.
    """

    value: int | None
    confidence: float = 1.0
    votes: tuple[Vote, ...] = ()
    slot: float = 0.0
    reason: str = ""


class JudgePanel:
    """One or more judges.

    Args:
        judges: their weights by their names; None: 1 until :meth:`calibrate` finds another.
        ask: asks one of them.
        voting: how their votes are counted; see :func:`promptopt.tournament.voting.count`.
        criteria: what makes an output good, in words.
    """

    def __init__(
        self,
        judges: Mapping[str, float | None],
        ask: Ask,
        voting: Voting = "majority",
        criteria: str = CRITERIA,
    ) -> None:
        self._given = dict(judges)
        self._ask = ask
        self._voting: Voting = voting
        self._criteria = criteria
        self._weights = {name: 1.0 if weight is None else weight for name, weight in judges.items()}
        self.record = Record()
        """What the judges have done so far."""

    @property
    def weights(self) -> dict[str, float]:
        """How much each judge counts now."""
        return dict(self._weights)

    def calibrate(self) -> None:
        """Let judges whose weight nobody gave count by how consistent they have been so far.

        Only ``weighted`` votes look at that. Call it when no verdict is under way: what is decided must not
        depend on which answer came first.
        """
        if self._voting != "weighted":
            return
        for name, judge in self.record.judges.items():
            if self._given.get(name) is None and judge.both:
                self._weights[name] = judge.weight

    async def evaluate_pair(
        self,
        response_a: str,
        response_b: str,
        criteria: str = "",
        *,
        input: str = "",
        reference: str | None = None,
        case_id: str = "",
        shown: Shown = "both",
        alone: bool = False,
    ) -> PairVerdict:
        """Have two outputs compared. Outputs that differ in white space only are a tie, and nobody is asked.

        Args:
            criteria: what makes an output good, in place of the panel's.
            input: what both are outputs for.
            reference: an output that is right, which the judges see as well.
            case_id: the case, for the record.
            shown: the orders that the judges see.
            alone: only the first judge is asked.

        Raises:
            StopRun: a cap is reached or the run was stopped.
        """
        if " ".join(response_a.split()) == " ".join(response_b.split()):
            return PairVerdict(0, reason="both are the same")
        shared = {"input": input} if input else {}
        if reference is not None:
            shared["reference"] = reference
        task = _task(criteria or self._criteria, bool(input), reference is not None)
        forth = conversation(task, {**shared, "first": response_a, "second": response_b})
        back = conversation(task, {**shared, "first": response_b, "second": response_a})
        orders = {"both": (forth, back), "first": (forth,), "second": (back,)}[shown]
        ways = {"both": (1, -1), "first": (1,), "second": (-1,)}[shown]
        names = list(self._given)[: 1 if alone else None]
        asked = [self._verdict(name, messages, case_id) for name in names for messages in orders]
        found = await together(asked)
        each = len(orders)
        votes = tuple(
            _vote(name, ways, found[place * each : (place + 1) * each]) for place, name in enumerate(names)
        )
        longer = (len(response_a) > len(response_b)) - (len(response_a) < len(response_b))
        self.record.add(votes, longer)
        value, sure = count(votes, self._voting, self._weights)
        slot = {"both": 0.0, "first": 0.5, "second": -0.5}[shown]
        return PairVerdict(value, sure, votes, slot, _why(votes, value))

    async def _verdict(self, judge: str, messages: Sequence[Message], case_id: str) -> "_Said":
        """What a judge says of one order; asked once more if it can't be read, then given up."""
        place = f"{PATH}/{judge}" if judge else PATH
        for path in (place, f"{place}/again"):
            try:
                reply = (await self._ask(judge, messages, path, case_id)).text
            except CallFailed as failure:
                return _Said(None, 0.0, f"no answer: {failure}")
            try:
                winner, reason = read_winner(reply)
            except NoVerdict as fault:
                messages = [
                    *messages,
                    Message(role="assistant", content=reply or "(empty)"),
                    Message(role="user", content=f"That can't be used: {fault}. Answer with the JSON alone."),
                ]
                continue
            sure = read_confidence(reply)
            return _Said({"first": 1, "second": -1}.get(winner, 0), 1.0 if sure is None else sure, reason)
        return _Said(None, 0.0, "no verdict that can be read")


@dataclass(frozen=True)
class _Said:
    """What a judge said of one order: which place won (1 first, -1 second, 0 neither), how sure, and why."""

    slot: int | None
    confidence: float
    reason: str


def _task(criteria: str, has_input: bool, has_reference: bool) -> str:
    about = " for the input" if has_input else ""
    reference = " The reference is an output that is right; others may be as right." if has_reference else ""
    return (
        f"You compare two outputs of other programs{about} by the criteria; which stands first is chance, "
        f"and length is no merit by itself.{reference}\nThe criteria: {criteria}\n{MATERIAL}\n"
        'Answer with one JSON object and nothing else: {"reason": "one or two sentences", '
        '"winner": "first" or "second" or "tie", "confidence": how sure you are, from 0 to 1}'
    )


def _vote(judge: str, ways: Sequence[int], said: Sequence[_Said]) -> Vote:
    """One vote from what a judge said of the orders; ``ways``: which of the outputs stood first in each."""
    slots = tuple(one.slot for one in said)
    reason = next((one.reason for one in said if one.reason), "")
    values = [one.slot * way for one, way in zip(said, ways, strict=True) if one.slot is not None]
    if len(values) < len(said):
        missing = next(one.reason for one in said if one.slot is None)
        return Vote(judge, None, 0.0, slots, missing)
    confidence = sum(one.confidence for one in said) / len(said)
    if len(set(values)) > 1:
        return Vote(judge, 0, confidence, slots, f"it turned with the order ({reason})")
    return Vote(judge, values[0], confidence, slots, reason)


def _why(votes: Sequence[Vote], value: int | None) -> str:
    """The reason of the first judge who voted as the panel did."""
    return next((vote.reason for vote in votes if vote.value == value and vote.reason), "")
