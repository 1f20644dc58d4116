"""Matches: two prompts play on cases, one after the other, until it is decided."""

import asyncio
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example, Split
from promptopt.domain.events import MatchFinished, Role, StandingsUpdated
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.tournament.panel import JudgePanel, PairVerdict, Shown
from promptopt.tournament.ratings import Game
from promptopt.tournament.stopping import Decision, Rule, decide
from promptopt.tournament.together import together

Judging = Literal["metric", "judges", "metric_then_judges"]
Orders = Literal["both", "balanced"]
Sitting = Literal["all", "final"]

ANSWERED_AT_ONCE = 10
"""Cases that a player is given to answer together: matches use them bit by bit."""

AUDITED = 0.15
"""Share of the cases that are judged in both orders although the order is balanced over cases."""


class Court(Protocol):
    """What a tournament needs of its run: a part of ``optimizers.base.RunContext``."""

    @property
    def settings(self) -> ProjectSettings: ...
    @property
    def task(self) -> TaskSpec: ...
    async def complete(
        self,
        role: Role,
        messages: Sequence[Message],
        *,
        path: str = "",
        sample: int = 0,
        case_id: str = "",
        temperature: float | None = None,
        judge: str = "",
    ) -> LLMResponse: ...
    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None
    ) -> Evaluation: ...
    def show(self, event: MatchFinished | StandingsUpdated) -> None: ...


@dataclass(frozen=True)
class Fixture:
    """A match to be played.

    Attributes:
        number: of the match, from 1.
        stage: in words.
        first, second: the players, by their place.
        rule: when it is decided.
        most: cases that are played at most; None: all that are left.
        orders: which orders judges are shown.
        alone: of several judges only the first is asked.
        to_the_end: it is played on if nobody can be proven the better one any more: somebody has to go on.
    """

    number: int
    stage: str
    first: int
    second: int
    rule: Rule = "exploring"
    most: int | None = None
    orders: Orders = "both"
    alone: bool = False
    to_the_end: bool = False


@dataclass
class Match:
    """A match that was played, or is being played.

    Attributes:
        games: one for each case with a verdict.
        missing: cases without one.
    """

    fixture: Fixture
    games: list[Game] = field(default_factory=list[Game])
    missing: int = 0
    decision: Decision = field(default_factory=lambda: Decision(0, ""))

    def count(self, outcome: int) -> int:
        """Games that went to the first (1), the second (-1), nobody (0)."""
        return sum(game.outcome == outcome for game in self.games)

    @property
    def winner(self) -> int | None:
        """The player who won."""
        sides = {1: self.fixture.first, -1: self.fixture.second}
        return sides.get(self.decision.winner)


class Field:
    """The cases of a tournament, and what the players answered to them.

    Everybody plays the cases in one order, so that an answer serves all matches, and no two players meet on a
    case twice.
    """

    def __init__(
        self, court: Court, prompts: Sequence[Prompt], cases: Sequence[Example], split: Split
    ) -> None:
        self.prompts = tuple(prompts)
        self.cases = tuple(cases)
        self._court = court
        self._split: Split = split
        self._results: list[Sequence[CaseResult]] = [() for _ in prompts]
        self._asking = [asyncio.Lock() for _ in prompts]
        self._met: dict[frozenset[int], int] = {}

    def take(self, first: int, second: int, most: int) -> range:
        """Cases, by their place, that these two have not met on; from now on they have."""
        pair = frozenset((first, second))
        begin = self._met.get(pair, 0)
        self._met[pair] = end = min(len(self.cases), begin + most)
        return range(begin, end)

    def left(self, first: int, second: int) -> int:
        """Cases that these two have not met on."""
        return len(self.cases) - self._met.get(frozenset((first, second)), 0)

    async def answers(self, player: int, upto: int) -> None:
        """Have the answers of a player to at least the first ``upto`` cases.

        Asked for is always the beginning of the cases, so that the score of the player that everybody is
        shown is that of all of them; those answered before cost nothing.
        """
        upto = math.ceil(upto / ANSWERED_AT_ONCE) * ANSWERED_AT_ONCE
        async with self._asking[player]:
            if len(self._results[player]) < min(upto, len(self.cases)):
                evaluation = await self._court.evaluate(self.prompts[player], self._split, self.cases[:upto])
                self._results[player] = evaluation.results

    def result(self, player: int, case: int) -> CaseResult:
        return self._results[player][case]

    def mean(self, player: int) -> float:
        """Mean score on the cases answered so far; 0 without any."""
        results = self._results[player]
        return sum(result.score for result in results) / len(results) if results else 0.0


class Referee:
    """Judges the games of a tournament.

    Args:
        epsilon: scores that differ by no more are a tie.
        panel: the judges; None if only the metric decides.
        reference: judges see the expected output, if there is one.
        seed: of the orders that judges are shown.
    """

    def __init__(
        self, judging: Judging, epsilon: float, panel: JudgePanel | None, reference: bool, seed: int
    ) -> None:
        self._judging = judging
        self._epsilon = epsilon
        self.panel = panel
        self._reference = reference
        self._seed = seed

    @property
    def by(self) -> str:
        """Who judges, in words."""
        return {"metric": "metric", "judges": "judges"}.get(self._judging, "metric, then judges")

    async def judge(
        self, case: Example, a: CaseResult, b: CaseResult, shown: Shown, *, alone: bool = False
    ) -> PairVerdict:
        """What one case comes to: 1 for ``a``, -1 for ``b``, 0 for nobody, None if it can't be told.

        Without asking anybody: a call that failed tells nothing of either; one hard check that failed loses,
        and two are a tie.
        """
        if a.error or b.error:
            return PairVerdict(None, reason="no output")
        fell = _falls(a), _falls(b)
        if any(fell):
            return PairVerdict(fell[1] - fell[0], reason="a hard check failed")
        if self._judging != "judges":
            ahead = a.score - b.score
            if abs(ahead) > self._epsilon + 1e-12:
                return PairVerdict(1 if ahead > 0 else -1, reason="the metric")
        if self.panel is None:
            return PairVerdict(0, reason="the metric")
        return await self.panel.evaluate_pair(
            a.output,
            b.output,
            input=case.input_text,
            reference=case.expected if self._reference else None,
            case_id=case.id,
            shown=shown,
            alone=alone,
        )

    def shown(self, orders: Orders, place: int, case: Example) -> Shown:
        """The orders in which a case is shown; balanced: of two cases in a row each order has one."""
        if orders == "both":
            return "both"
        if random.Random(f"audit/{self._seed}/{case.id}").random() < AUDITED:
            return "both"
        turned = random.Random(f"slot/{self._seed}/{place // 2}").random() < 0.5
        return "first" if turned == bool(place % 2) else "second"


async def play(fixture: Fixture, field_: Field, referee: Referee, *, block: int, alpha: float = 0.1) -> Match:
    """Play a match; after each ``block`` of cases it is looked whether it is decided.

    Raises:
        StopRun: a cap is reached or the run was stopped.
    """
    match = Match(fixture)
    first, second = fixture.first, fixture.second
    left = field_.left(first, second)
    most = left if fixture.most is None else min(fixture.most, left)
    while True:
        wins, losses = match.count(1), match.count(-1)
        end = decide(fixture.rule, wins, losses, most, alpha, futility=not fixture.to_the_end)
        if end is not None:
            reason = end.reason if match.games or match.missing else "no case left to play"
            match.decision = Decision(end.winner, reason)
            return match
        places = field_.take(first, second, min(block, most))
        most -= len(places)
        await together(field_.answers(player, places.stop) for player in (first, second))
        await _games(match, places, field_, referee)


async def _games(match: Match, places: range, field_: Field, referee: Referee) -> None:
    """Judge the cases of a block, all at once, and note them in their order."""
    fixture = match.fixture
    first, second = fixture.first, fixture.second
    cases = [field_.cases[place] for place in places]
    verdicts = await together(
        referee.judge(
            case,
            field_.result(first, place),
            field_.result(second, place),
            referee.shown(fixture.orders, place, case),
            alone=fixture.alone,
        )
        for place, case in zip(places, cases, strict=True)
    )
    for case, verdict in zip(cases, verdicts, strict=True):
        if verdict.value is None:
            match.missing += 1
        else:
            match.games.append(Game(first, second, verdict.value, case.id, verdict.slot))


def _falls(result: CaseResult) -> bool:
    return any(check.hard and not check.passed for check in result.checks)
