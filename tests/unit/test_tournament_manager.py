"""Tournaments as a whole, over a court whose answers and judges are made up."""

import asyncio
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, CheckResult, Evaluation
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.runner import gathered
from promptopt.tournament import JudgePanel, TournamentConfig, TournamentManager, TournamentResults
from promptopt.tournament.config import Most, at_most
from promptopt.tournament.manager import criteria_of
from promptopt.tournament.matches import Referee
from tests.unit.test_tournament_panel import part, says

CASES = [Example(id=f"c{n}", inputs={"input": f"question {n}"}, expected="yes") for n in range(40)]
FORMATS = ("round_robin", "swiss", "single_elimination", "duels")


def chance(*parts: object) -> float:
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def skilled(skill: float) -> Prompt:
    """A prompt whose answers are right, and good, about so often."""
    return Prompt(text=f"skill {skill}")


class MadeUpCourt:
    """Answers with the worth that the prompt's skill and chance give: ``worth 0.734``.

    Args:
        judge: what a judge says: its name, the worths of what stands first and second.
        jitter: seed of the order in which answers come; nothing may depend on it.
        graded: scores are worths, not right or wrong.
    """

    def __init__(
        self,
        judge: Callable[[str, float, float], str] | None = None,
        jitter: int = 0,
        *,
        graded: bool = False,
        judges: Sequence[str] = (),
        stop_after: int | None = None,
    ) -> None:
        models: dict[str, Any] = {"target": {"model": "sim/target"}, "judge": {"model": "sim/judge"}}
        named = [{"model": "sim/judge", "name": name} for name in judges]
        self.settings = ProjectSettings.model_validate(
            {"name": "p", "prompt": "x", "models": models, "judges": named}
        )
        self.task = TaskSpec(description="Answer the question.")
        self.events: list[ev.MatchFinished | ev.StandingsUpdated] = []
        self.verdicts: Counter[str] = Counter()
        self.answers: set[tuple[str, str]] = set()
        self._judge = judge or (lambda name, a, b: says("first" if a > b else "second"))
        self._rng = random.Random(jitter)
        self._graded = graded
        self._left = stop_after

    async def _wait(self) -> None:
        for _ in range(self._rng.randrange(5)):
            await asyncio.sleep(0)

    async def complete(self, role: ev.Role, messages: Sequence[Message], **more: Any) -> LLMResponse:
        await self._wait()
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise StopRun("budget", "the cap on calls is reached")
        assert role == "judge" and "skill" not in "".join(message.content for message in messages)
        name = more.get("judge", "")
        self.verdicts[name] += 1
        first, second = (float(part(messages, place).split()[1]) for place in ("first", "second"))
        return LLMResponse(text=self._judge(name, first, second))

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None
    ) -> Evaluation:
        await self._wait()
        assert cases is not None
        self.answers |= {(prompt.id, case.id) for case in cases}
        return gathered(prompt.id, split, [self.result(prompt, case) for case in cases])

    def result(self, prompt: Prompt, case: Example) -> CaseResult:
        skill = float(prompt.text.split()[1])
        worth = 0.5 * skill + 0.5 * chance(prompt.text, case.id)
        passed = chance("right", prompt.text, case.id) < skill
        score = worth if self._graded else float(passed)
        return CaseResult(case_id=case.id, output=f"worth {worth:.4f}", score=score, passed=passed)

    def show(self, event: ev.MatchFinished | ev.StandingsUpdated) -> None:
        self.events.append(event)

    @property
    def matches(self) -> list[ev.MatchFinished]:
        return [event for event in self.events if isinstance(event, ev.MatchFinished)]

    @property
    def standings(self) -> list[ev.StandingsUpdated]:
        return [event for event in self.events if isinstance(event, ev.StandingsUpdated)]


SKILLS = (0.2, 0.9, 0.4, 0.6, 0.3)


async def tournament(
    court: MadeUpCourt, skills: Sequence[float] = SKILLS, **config: Any
) -> TournamentResults:
    prompts = [skilled(skill) for skill in skills]
    return await TournamentManager(TournamentConfig(**config)).run(court, prompts, CASES)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("judging", ["metric", "judges", "metric_then_judges"])
async def test_the_best_one_is_found_whoever_judges(format: str, judging: str) -> None:
    court = MadeUpCourt()
    results = await tournament(court, format=format, judging=judging)
    assert results.champion == skilled(0.9) == results.top(1)[0]
    assert results.ratings[0].candidate_id == skilled(0.9).id
    assert results.strength(skilled(0.9).id) > 0.6 > results.strength(skilled(0.2).id)
    assert bool(court.verdicts) == (judging != "metric")
    assert court.standings[0].played == 0 and court.standings[-1].final
    assert court.standings[-1].champion_id == results.champion.id
    assert [match.number for match in results.matches] == list(range(1, len(results.matches) + 1))
    for rating in results.ratings:
        wins = sum(results.win_matrix[rating.candidate_id].values())
        losses = sum(row.get(rating.candidate_id, 0) for row in results.win_matrix.values())
        assert (rating.wins, rating.losses) == (wins, losses)
        assert results.win_rates[rating.candidate_id] == rating.win_rate
        assert rating.low < rating.rating < rating.high
    assert sum(results.p_best.values()) == pytest.approx(1)


@pytest.mark.parametrize("format", FORMATS)
async def test_nothing_depends_on_the_order_in_which_answers_come(format: str) -> None:
    def told(jitter: int) -> MadeUpCourt:
        court = MadeUpCourt(noisy, jitter, judges=("a", "b", "c"))
        asyncio.get_running_loop()
        return court

    courts = [told(jitter) for jitter in (1, 2, 3)]
    for court in courts:
        await tournament(court, format=format, judging="judges", voting="weighted", seed=7)
    assert courts[0].events == courts[1].events == courts[2].events
    assert courts[0].verdicts == courts[1].verdicts
    other = MadeUpCourt(noisy, judges=("a", "b", "c"))
    await tournament(other, format=format, judging="judges", voting="weighted", seed=8)
    assert other.events != courts[0].events


def noisy(name: str, first: float, second: float) -> str:
    """A judge that errs, each in its way, and says something unreadable now and then."""
    draw = chance(name, first, second)
    if draw < 0.05:
        return "Well…"
    return says("first" if first - second + (draw - 0.5) / 2 > 0 else "second", round(draw, 2))


async def test_judges_that_go_by_the_place_prove_nothing() -> None:
    results = await tournament(MadeUpCourt(lambda name, a, b: says("first")), judging="judges")
    assert all(rating.ties and not rating.wins for rating in results.ratings)
    assert not results.decided and results.win_rates[skilled(0.9).id] == 0.5
    assert any("100% turned with the order" in note for note in results.notes)


async def test_a_balanced_order_cancels_a_leaning_to_the_first_place() -> None:
    def leaning(name: str, first: float, second: float) -> str:
        return says("first" if first + 0.2 > second else "second")

    court = MadeUpCourt(leaning)
    results = await tournament(court, judging="judges", orders="balanced", early=False, final=False)
    assert [p.text for p in results.top(5)] == [skilled(s).text for s in sorted(SKILLS, reverse=True)]
    assert results.strengths.order > 0.5
    assert sum(court.verdicts.values()) < 1.3 * 10 * 40  # in both orders they would be 800


def test_balanced_orders_are_half_and_half_and_a_part_is_audited() -> None:
    referee = Referee("judges", 0.0, None, True, seed=3)
    cases = [Example(id=f"k{n}", inputs={"input": "x"}) for n in range(400)]
    shown = Counter(referee.shown("balanced", place, case) for place, case in enumerate(cases))
    assert 30 <= shown["both"] <= 90
    assert abs(shown["first"] - shown["second"]) <= 20
    assert referee.shown("both", 0, cases[0]) == "both"


async def test_matches_end_when_they_are_decided() -> None:
    court = MadeUpCourt()
    results = await tournament(court, (0.05, 0.95), judging="metric", format="round_robin", seed=1)
    first, final = results.matches
    assert first.wins + first.losses + first.ties <= 10 and "ahead by" in first.reason
    assert final.stage == "final" and "decided, evidence" in final.reason and results.decided
    assert max(Counter(prompt_id for prompt_id, _ in court.answers).values()) <= 20
    whole = MadeUpCourt()
    await tournament(whole, (0.05, 0.95), judging="metric", early=False, final=False)
    assert len(whole.answers) == 80


async def test_equals_are_not_told_apart_by_a_final() -> None:
    decided = 0
    for seed in range(20):
        results = await tournament(MadeUpCourt(), (0.5, 0.50001), judging="metric", seed=seed)
        decided += results.decided
    assert decided <= 4


async def test_a_final_is_played_on_cases_that_are_new_to_the_pair() -> None:
    asked: list[tuple[frozenset[float], str]] = []
    court = MadeUpCourt()
    evaluate_pair = JudgePanel.evaluate_pair

    async def noting(self: JudgePanel, a: str, b: str, **more: Any) -> Any:
        asked.append((frozenset({float(a.split()[1]), float(b.split()[1])}), more["case_id"]))
        return await evaluate_pair(self, a, b, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JudgePanel, "evaluate_pair", noting)
        await tournament(court, judging="judges", format="swiss")
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("players", [1, 2, 3, 5, 8])
async def test_a_bracket_has_byes_where_it_must(players: int) -> None:
    court = MadeUpCourt()
    skills = [0.9, *(0.3 - 0.03 * n for n in range(players - 1))]
    results = await tournament(court, skills, format="single_elimination", judging="judges", seeded=True)
    assert results.champion == skilled(0.9) and len(results.matches) == players - 1
    byes = sum(pairing.second_id is None for turn in results.bracket for pairing in turn)
    assert byes == {1: 0, 2: 0, 3: 1, 5: 3, 8: 0}[players]
    if players > 1:
        (final,) = results.bracket[-1]
        assert final.winner_id == results.champion.id and results.matches[-1].stage == "final"
        for before, after in zip(results.bracket, results.bracket[1:], strict=False):
            winners = [pairing.winner_id for pairing in before]
            assert winners == [one for p in after for one in (p.first_id, p.second_id)]


async def test_duels_stop_when_one_is_the_best_or_the_duels_are_played() -> None:
    court = MadeUpCourt()
    results = await tournament(court, format="duels", judging="judges")
    games = sum(match.wins + match.losses + match.ties for match in results.matches)
    assert games < 100 + 40
    assert max(rating.p_best for told in court.standings for rating in told.ratings) > 0.9
    assert {match.number: match for match in court.matches}[1] == results.matches[0]
    few = await tournament(MadeUpCourt(), (0.5, 0.5001, 0.5002), format="duels", duels=7, final=False)
    assert sum(m.wins + m.losses + m.ties + m.missing for m in few.matches) == 7


async def test_a_failed_call_tells_nothing_and_a_hard_check_loses_for_free() -> None:
    class Failing(MadeUpCourt):
        def result(self, prompt: Prompt, case: Example) -> CaseResult:
            found = super().result(prompt, case)
            if case.id < "c2":
                return found.model_copy(update={"error": "timeout", "output": ""})
            if "0.9" in prompt.text:
                check = CheckResult(name="json", score=0, passed=False, hard=True)
                return found.model_copy(update={"checks": (check,)})
            return found

    court = Failing()
    results = await tournament(court, (0.9, 0.1), judging="judges", early=False, final=False)
    (match,) = results.matches
    assert match.missing == sum(case.id < "c2" for case in CASES) and match.ties == 0
    assert results.champion == skilled(0.1) and not court.verdicts
    assert match.wins + match.losses == 40 - match.missing


async def test_scores_within_epsilon_are_a_tie_that_judges_decide() -> None:
    court = MadeUpCourt(graded=True)
    tied = await tournament(court, (0.5, 0.6), judging="metric", epsilon=1.0, early=False, final=False)
    assert tied.matches[0].ties == 40 and not court.verdicts
    settled = await tournament(court, (0.5, 0.6), epsilon=1.0, early=False, final=False)
    assert settled.matches[0].ties == 0 and sum(court.verdicts.values()) == 80
    assert settled.matches[0].by == "metric, then judges"


@pytest.mark.parametrize("format", FORMATS)
async def test_the_first_judge_can_be_alone_until_the_final(format: str) -> None:
    court = MadeUpCourt(judges=("a", "b", "c"))
    results = await tournament(court, (0.1, 0.8, 0.3), format=format, judging="judges", panel="final")
    final = results.matches[-1]
    assert final.stage == "final" and court.verdicts["b"] == court.verdicts["c"]
    assert court.verdicts["b"] == 2 * (final.wins + final.losses + final.ties)
    assert court.verdicts["a"] > court.verdicts["b"]


async def test_a_cap_that_is_reached_gets_through_and_what_was_played_is_told() -> None:
    court = MadeUpCourt(stop_after=60)
    with pytest.raises(StopRun):
        await tournament(court, judging="judges")
    assert court.matches and not court.standings[-1].final
    assert court.standings[-1].played == len(court.matches)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("number", [1, 3, 6])
async def test_few_cases_are_played_all_the_same(format: str, number: int) -> None:
    config = TournamentConfig(format=format, judging="judges")  # type: ignore[arg-type]
    prompts = [skilled(skill) for skill in (0.95, 0.0)]
    results = await TournamentManager(config).run(MadeUpCourt(), prompts, CASES[:number])
    assert results.champion == skilled(0.95) and results.ratings[0].wins >= 1
    assert not results.decided or number > 6


async def test_odd_numbers_of_prompts_are_no_fault() -> None:
    court = MadeUpCourt()
    alone = await tournament(court, (0.5, 0.5, 0.5))
    assert alone.champion == skilled(0.5) and not alone.matches and len(alone.prompts) == 1
    assert alone.strength(skilled(0.5).id) == 0.5 and court.standings[-1].final
    with pytest.raises(ValueError, match="a prompt and a case"):
        await tournament(court, ())
    with pytest.raises(KeyError):
        alone.strength("nobody")


async def test_without_a_judge_nothing_is_asked() -> None:
    court = MadeUpCourt()
    court.settings = court.settings.model_copy(update={"models": {"target": court.settings.models["target"]}})
    with pytest.raises(SettingsError, match="needs a judge"):
        await tournament(court, judging="judges")
    assert not court.answers and not court.events
    assert (await tournament(court, judging="metric")).champion == skilled(0.9)


async def test_the_fronts_of_the_manager_do_what_they_say() -> None:
    manager = TournamentManager(TournamentConfig(judging="metric", format="duels"))
    prompts = [skilled(skill) for skill in SKILLS]
    everybody = await manager.run_round_robin(MadeUpCourt(), prompts, CASES)
    assert everybody.format == "round_robin" and len(everybody.matches) >= 10
    out = await manager.run_single_elimination(MadeUpCourt(), prompts, CASES)
    assert out.format == "single_elimination" and out.bracket
    assert manager.compute_win_rates(everybody) == everybody.win_rates
    assert everybody.get_top_performers(2) == everybody.top(2)
    assert await manager.find_champion(MadeUpCourt(), prompts, CASES) == skilled(0.9)
    numbered = await manager.run(MadeUpCourt(), prompts, CASES, numbered_from=10)
    assert numbered.matches[0].number == 11


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("players", [2, 3, 6])
async def test_what_it_takes_at_most_is_never_exceeded(format: str, players: int) -> None:
    court = MadeUpCourt(noisy, judges=("a", "b"))
    config = TournamentConfig(format=format, judging="judges", early=False, cases=12)  # type: ignore[arg-type]
    results = await TournamentManager(config).run(
        court, [skilled(0.5 + n / 1000) for n in range(players)], CASES
    )
    most = at_most(config, players, len(CASES), 2)
    repeated = sum(max(0, count) for count in court.verdicts.values())
    assert len(court.answers) <= most.answers == players * 12
    assert repeated <= most.verdicts * 2  # each may be asked for once more
    if format != "duels":
        assert most.matches is not None and len(results.matches) <= most.matches


def test_what_a_tournament_takes_at_most() -> None:
    whole = TournamentConfig(judging="judges")
    assert at_most(whole, 8, 100, 3) == Most(8 * 40, 28 * 40 * 3 * 2, 29)
    assert at_most(TournamentConfig(judging="metric"), 8, 10, 3) == Most(80, 0, 29)
    assert at_most(TournamentConfig(format="single_elimination"), 8, 10, 1) == Most(80, 140, 7)
    assert at_most(whole, 1, 10, 1) == Most(10, 0, 0)


def test_criteria_are_those_of_the_projects_judge_checks_else_of_its_task() -> None:
    task = TaskSpec(description="Sort tickets.")
    plain = MadeUpCourt().settings
    assert "Sort tickets." in criteria_of(plain, task)
    checks = [{"type": "judge", "rubric": "It is polite."}, {"type": "exact"}]
    ruled = ProjectSettings.model_validate({**plain.model_dump(), "checks": checks})
    assert criteria_of(ruled, task) == "It is polite."


def test_events_are_plain_json() -> None:
    court = MadeUpCourt()
    asyncio.run(tournament(court))
    for event in court.events:
        assert json.loads(event.model_dump_json())["kind"] in ("match_finished", "standings_updated")
