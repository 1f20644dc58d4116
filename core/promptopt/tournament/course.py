"""The course of one tournament: who plays whom when, and what everybody is told of it."""

from collections.abc import Sequence
from dataclasses import replace

from promptopt.domain.dataset import Example, Split
from promptopt.domain.events import MatchFinished, StandingsUpdated
from promptopt.domain.prompt import Prompt
from promptopt.tournament import schedules
from promptopt.tournament.config import TournamentConfig, most_duels, planned
from promptopt.tournament.matches import Court, Field, Fixture, Match, Orders, Referee, play
from promptopt.tournament.panel import JudgePanel
from promptopt.tournament.results import Book, Pairing, TournamentResults
from promptopt.tournament.stopping import Rule, decide
from promptopt.tournament.together import together

Pair = tuple[int, int]


class Course:
    """Plays one tournament. Make it, then await :meth:`play`, once.

    Args:
        config: how.
        court: the run's door.
        prompts: the players, each once.
        cases: what they play on.
        split: that the cases are of.
        panel: the judges; None if the metric decides alone.
        numbered_from: matches that the run has seen before.
    """

    def __init__(
        self,
        config: TournamentConfig,
        court: Court,
        prompts: Sequence[Prompt],
        cases: Sequence[Example],
        split: Split,
        panel: JudgePanel | None,
        numbered_from: int = 0,
    ) -> None:
        self._config = config
        self._court = court
        order = range(len(prompts)) if config.seeded else schedules.shuffled(len(prompts), config.seed)
        self._prompts = tuple(prompts[place] for place in order)
        chosen = schedules.shuffled(len(cases), config.seed)[: config.cases]
        self._field = Field(court, self._prompts, [cases[place] for place in chosen], split)
        self._panel = panel
        self._referee = Referee(config.judging, config.epsilon, panel, config.reference, config.seed)
        self._book = Book(self._prompts, config.seed, order)
        self._number = numbered_from
        self._matches: dict[int, MatchFinished] = {}
        self._bracket: list[tuple[Pairing, ...]] = []
        self._champion: int | None = None
        self._decided = False

    async def play(self) -> TournamentResults:
        """Play it to its end.

        Raises:
            StopRun: a cap is reached or the run was stopped; what was played so far has been told.
        """
        self._tell()
        if len(self._prompts) > 1:
            formats = {
                "round_robin": self._round_robin,
                "swiss": self._swiss,
                "single_elimination": self._elimination,
                "duels": self._duels,
            }
            await formats[self._config.format]()
            if self._config.final and self._config.format != "single_elimination":
                await self._final()
        if self._champion is None:
            self._champion = self._book.order[0]
        self._tell(final=True)
        return self._results(self._champion)

    # The formats

    async def _round_robin(self) -> None:
        for number, pairs in enumerate(schedules.round_robin(len(self._prompts)), 1):
            await self._round(f"round {number}", pairs)

    async def _swiss(self) -> None:
        players = len(self._prompts)
        points = [0.0] * players
        met: set[frozenset[int]] = set()
        rested: set[int] = set()
        for number in range(1, (self._config.rounds or schedules.swiss_rounds(players)) + 1):
            rated = self._book.order
            standing = sorted(rated, key=lambda player: (-points[player], rated.index(player)))
            pairs, rests = schedules.swiss_round(standing, met, rested)
            if rests is not None:
                rested.add(rests)
                points[rests] += 1
            met |= {frozenset(pair) for pair in pairs}
            for match in await self._round(f"round {number}", pairs):
                for player in (match.fixture.first, match.fixture.second):
                    points[player] += 0.5 if match.winner is None else float(match.winner == player)
            if number > 1 and self._sure():
                break

    async def _elimination(self) -> None:
        pairs = schedules.bracket(len(self._prompts))
        while True:
            stage = schedules.round_name(len(pairs))
            last = len(pairs) == 1
            met = [(first, second) for first, second in pairs if second is not None]
            played = await self._round(stage, met, last=last, goes_on=True)
            found = {match.fixture.first: match for match in played}
            winners = [first if second is None else self._goes_on(found[first]) for first, second in pairs]
            self._bracket.append(
                tuple(
                    self._pairing(pair, winner, found.get(pair[0]))
                    for pair, winner in zip(pairs, winners, strict=True)
                )
            )
            if last:
                self._champion, self._decided = winners[0], played[0].winner is not None
                return
            pairs = list(zip(winners[::2], winners[1::2], strict=True))

    def _pairing(self, pair: tuple[int, int | None], winner: int, match: Match | None) -> Pairing:
        first, second = pair
        return Pairing(
            first_id=self._id(first),
            second_id=None if second is None else self._id(second),
            winner_id=self._id(winner),
            number=match.fixture.number if match else None,
        )

    async def _duels(self) -> None:
        players = len(self._prompts)
        thompson = schedules.Duels(players, self._config.seed)
        matches: dict[frozenset[int], Match] = {}
        left = most_duels(self._config, players)
        while left > 0 and not (self._book.games and self._sure()):
            closed = [
                frozenset((a, b)) for a in range(players) for b in range(a) if not self._field.left(a, b)
            ]
            pairs = thompson.batch(min(left, max(1, players // 2)), closed)
            if not pairs:
                return
            played = await self._at_once([self._duel(pair, matches) for pair in pairs])
            left -= len(played)
            for game in (game for match in played for game in match.games):
                thompson.played(game.first, game.second, game.outcome)
            for match in played:
                self._add(match, matches[frozenset((match.fixture.first, match.fixture.second))])
            self._rate()

    def _duel(self, pair: Pair, matches: dict[frozenset[int], Match]) -> Fixture:
        """One more case for a pair; all of a pair's are one match, which is told of again and again."""
        known = matches.get(frozenset(pair))
        if known is None:
            fixture = self._fixture("duels", pair, "whole", self._config.orders)
            fixture = replace(fixture, alone=self._config.panel == "final")
            known = matches[frozenset(pair)] = Match(fixture)
        return replace(known.fixture, most=1)

    def _add(self, played: Match, whole: Match) -> None:
        """Enter what was played into the match that it is a part of, and tell."""
        self._book.games += played.games
        whole.games += played.games
        whole.missing += played.missing
        ahead = whole.count(1) - whole.count(-1)
        whole.decision = replace(whole.decision, winner=(ahead > 0) - (ahead < 0))
        self._show(whole)

    async def _final(self) -> None:
        """The two best rated play on cases that are new to them as a pair."""
        first, second = self._book.order[:2]
        if decide("confirming", 0, 0, self._field.left(first, second), self._config.alpha):
            return  # too few to decide anything
        (match,) = await self._round("final", [(first, second)], last=True)
        if match.winner is not None:
            self._champion, self._decided = match.winner, True

    # Rounds and matches

    async def _round(
        self, stage: str, pairs: Sequence[Pair], *, last: bool = False, goes_on: bool = False
    ) -> list[Match]:
        """Play the matches of a round at once, and tell of them in the order of their numbers.

        Args:
            last: it is the final.
            goes_on: one of each two has to go on.
        """
        rule: Rule = "confirming" if last else "exploring" if self._config.early else "whole"
        orders: Orders = "both" if last else self._config.orders
        alone = self._config.panel == "final" and not last
        fixtures = [
            replace(self._fixture(stage, pair, rule, orders), alone=alone, to_the_end=goes_on)
            for pair in pairs
        ]
        matches = await self._at_once(fixtures)
        for match in matches:
            self._book.games += match.games
            self._show(match, goes_on=goes_on)
        self._rate()
        return matches

    def _fixture(self, stage: str, pair: Pair, rule: Rule, orders: Orders) -> Fixture:
        self._number += 1
        return Fixture(self._number, stage, *pair, rule, orders=orders)

    async def _at_once(self, fixtures: Sequence[Fixture]) -> list[Match]:
        config = self._config
        return await together(
            play(fixture, self._field, self._referee, block=config.block, alpha=config.alpha)
            for fixture in fixtures
        )

    def _goes_on(self, match: Match) -> int:
        """Who goes on: the winner; else who won more cases, or scores higher, or is the higher seed."""
        if match.winner is not None:
            return match.winner
        first, second = match.fixture.first, match.fixture.second
        ahead = match.count(1) - match.count(-1) or self._field.mean(first) - self._field.mean(second)
        return second if ahead < 0 or (ahead == 0 and second < first) else first

    def _sure(self) -> bool:
        """One is the best with the chance that is asked for."""
        return max(self._book.strengths.p_best) > self._config.sure

    def _id(self, player: int) -> str:
        return self._prompts[player].id

    # What everybody is told

    def _show(self, match: Match, *, goes_on: bool = False) -> None:
        """Tell where a match stands."""
        fixture, winner, reason = match.fixture, match.winner, match.decision.reason
        if goes_on and winner is None:
            winner = self._goes_on(match)
            reason = f"{reason}; cases won, score or seed say who goes on"
        event = MatchFinished(
            number=fixture.number,
            stage=fixture.stage,
            first_id=self._id(fixture.first),
            second_id=self._id(fixture.second),
            winner_id=None if winner is None else self._id(winner),
            wins=match.count(1),
            losses=match.count(-1),
            ties=match.count(0),
            missing=match.missing,
            by=self._referee.by,
            reason=reason,
        )
        self._matches[fixture.number] = event
        self._court.show(event)

    def _rate(self) -> None:
        """Rate anew after a round, let the judges' weights follow, and tell."""
        self._book.count()
        if self._panel is not None:
            self._panel.calibrate()
        self._tell()

    def _tell(self, *, final: bool = False) -> None:
        played = len(self._matches)
        self._court.show(
            StandingsUpdated(
                format=self._config.format,
                ratings=self._book.ratings,
                played=played,
                planned=played if final else planned(self._config, len(self._prompts)),
                final=final,
                champion_id="" if self._champion is None else self._id(self._champion),
                decided=self._decided,
                notes=self._notes(),
            )
        )

    def _notes(self) -> list[str]:
        return self._book.notes(self._panel.record.lines() if self._panel else [])

    def _results(self, champion: int) -> TournamentResults:
        ids = [prompt.id for prompt in self._prompts]
        return TournamentResults(
            format=self._config.format,
            prompts=self._prompts,
            ratings=tuple(self._book.ratings),
            champion=self._prompts[champion],
            decided=self._decided,
            matches=tuple(self._matches[number] for number in sorted(self._matches)),
            win_matrix=self._book.matrix(),
            p_best=dict(zip(ids, self._book.strengths.p_best, strict=True)),
            strengths=self._book.strengths,
            bracket=tuple(self._bracket),
            intransitive=self._book.tally.intransitive(),
            notes=tuple(self._notes()),
        )
