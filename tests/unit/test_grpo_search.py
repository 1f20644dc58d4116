"""Whole searches of ``grpo`` at a landscape's door: gates, edits, demonstrations, resuming, judges."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.events import MatchFinished, Rating
from promptopt.domain.forecast import Scale
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult, CheckResult
from promptopt.domain.settings import ProjectSettings
from promptopt.optimizers import registry
from promptopt.optimizers.grpo.optimizer import GrpoOptimizer, has_metric
from tests.benchmarks.door import Door, searched
from tests.benchmarks.landscape import SEED_PROMPT, Landscape

LAND = Landscape(2, insight=0.7)
FEW = {"name": "grpo", "max_iterations": 4, "plateau": 9}


WIDE = {"group": 6, "batch": 20, "widest": 20, "fewest": 10}
"""Groups in which there is something to drop early."""


def door(optimizer: dict[str, Any] | None = None, **more: Any) -> Door:
    return Door(LAND, {**FEW, **WIDE, **(optimizer or {})}, **more)


async def test_a_search_finds_a_better_prompt_by_its_gate_alone() -> None:
    made = door({"max_iterations": 8})
    end = await searched(made)
    assert end.reason == "max_iterations" and end.detail == "8 groups, as many as were allowed"
    assert LAND.quality(made.best.text) > LAND.quality(SEED_PROMPT) + 0.1
    for prompt, accepted, reason in made.verdicts:
        assert accepted == (prompt.id in made.accepted)
        assert reason.startswith("validation") == (prompt.id in made.on_validation)
    assert len(made.verdicts) == len(made.entered)
    assert all(made.measured_scores[prompt.id].results for prompt, _, _ in made.entered)


async def test_validation_cases_are_never_told_to_the_proposer() -> None:
    made = door()
    await searched(made)
    requests = [text for role, _, text in made.journal if role == "optimizer"]
    assert any("about a" in text for text in requests)
    assert not any(case.input_text in text for text in requests for case in made.dataset.validation)


async def test_the_same_seed_goes_the_same_way_and_another_does_not() -> None:
    first, second, other = door(), door(), door({"seed": 1})
    for one in (first, second, other):
        await searched(one)
    assert first.kept == second.kept and first.verdicts == second.verdicts
    assert first.kept != other.kept


@pytest.mark.parametrize("group", [0, 1, 2, 3])
async def test_resumed_from_any_checkpoint_a_search_ends_the_same_and_asks_nothing_new(group: int) -> None:
    undisturbed = door()
    await searched(undisturbed)
    resumed = door()
    resumed.kept = undisturbed.checkpoints[group]
    end = await searched(resumed)
    assert end.reason == "max_iterations"
    assert resumed.kept == undisturbed.kept
    assert resumed.journal <= undisturbed.journal
    assert resumed.verdicts == undisturbed.verdicts[-len(resumed.verdicts) :] if resumed.verdicts else True


async def test_a_search_cut_off_by_its_budget_goes_on_with_more_as_if_it_had_had_it_before() -> None:
    undisturbed, poor, richer = door(), door(calls=250), door()
    await searched(undisturbed)
    assert (await searched(poor)).reason == "budget" and poor.target_calls == 250
    richer.kept = poor.kept
    await searched(richer)
    assert richer.kept == undisturbed.kept


async def test_an_edit_restarts_the_group_from_the_persons_text_and_keeps_what_was_learned() -> None:
    plain = door({"max_iterations": 5})
    await searched(plain)
    mine = Prompt(text="Say alpha, beta, gamma or delta, by what the item is about. My own words.")
    made = door({"max_iterations": 5})
    made.edits = [(len(plain.asked) * 3 // 4, mine)]
    end = await searched(made)
    assert end.reason == "max_iterations"
    parents = [parent for _, parent, _ in made.entered]
    at = next(place for place, parent in enumerate(parents) if parent == mine)
    family = {mine.id}
    for prompt, parent, _ in made.entered[at:]:
        assert parent and parent.id in family, "only the edit and its children have children from now on"
        family.add(prompt.id)
    state = json.loads(made.kept)
    before = [json.loads(text) for text in made.checkpoints]
    edited = next(place for place, kept in enumerate(before) if kept["anchor"]["text"] == mine.text)
    assert before[edited]["library"] == before[edited - 1]["library"]
    assert before[edited]["library"]["made"] > 0 and before[edited]["tally"] == before[edited - 1]["tally"]
    assert state["anchor"]["text"] == mine.text
    assert SEED_PROMPT in [prompt["text"] for prompt in state["tried"]]


async def test_demonstrations_of_the_parent_are_kept() -> None:
    made = door({"max_iterations": 1})
    shown = (Example(id="d", inputs={"input": "Item d1 about a parcel."}, expected="alpha"),)
    made.edits = [(1, Prompt(text=SEED_PROMPT, demonstrations=shown))]
    await searched(made)
    assert made.entered and all(prompt.demonstrations == shown for prompt, _, _ in made.entered)


class Marked(Door):
    """A door whose cases are passed by the prompts that are said to pass them, and by no other."""

    def __init__(self, must: set[str], breaks: str, **more: Any) -> None:
        def mark(dataset: Dataset) -> Dataset:
            changed = {
                split: tuple(
                    case.model_copy(update={"must_pass": case.id in must}) for case in dataset[split]
                )  # type: ignore[index]
                for split in ("train", "validation")
            }
            return dataset.model_copy(update=changed)

        super().__init__(LAND, {**FEW, "max_iterations": 2}, change=mark, **more)
        self._must = must
        self._breaks = breaks

    def _answer(self, messages: Sequence[Any], sample: int) -> str:
        """Every prompt that is not the seed is perfect, but breaks what it is said to break."""
        given = super()._answer(messages, sample)
        name = messages[-1].content.split()[1]
        right = self.landscape.label(name)
        if messages[0].content == SEED_PROMPT:
            return right if name in self._must else given
        return "wrong" if name == self._breaks else right


async def test_a_gain_that_breaks_a_must_pass_case_is_not_accepted() -> None:
    assert len((await accepted(Marked({"v3"}, breaks="none"))).accepted) > 1
    made = await accepted(Marked({"v3"}, breaks="v3"))
    assert len(made.accepted) == 1
    assert any("breaks the case v3 that must pass" in reason for _, _, reason in made.verdicts)


async def test_one_broken_in_training_leaves_the_race_or_is_found_before_validation() -> None:
    made = await accepted(Marked({"t17"}, breaks="t17"))
    assert len(made.accepted) == 1 and len(made.on_validation) == 1
    assert any("breaks the case t17" in reason for _, _, reason in made.verdicts)


async def accepted(made: Door) -> Door:
    await searched(made)
    return made


async def test_a_search_ends_where_everything_passes() -> None:
    class Perfect(Door):
        def _answer(self, messages: Sequence[Any], sample: int) -> str:
            super()._answer(messages, sample)
            return self.landscape.label(messages[-1].content.split()[1])

    made = Perfect(LAND, {**FEW, **WIDE})
    end = await searched(made)
    assert end.reason == "all_pass" and "each of 20 training cases" in end.detail
    assert not made.entered


async def test_a_proposer_that_talks_nonsense_ends_on_the_plateau() -> None:
    class Silly(Door):
        def reply(self, request: str, path: str) -> str:
            return "I would rather not."

    made = Silly(LAND, {**FEW, "plateau": 2})
    assert (await searched(made)).reason == "plateau"
    assert not made.entered and len(made.refusals) == 6


async def test_a_protected_text_survives() -> None:
    prompt = f"{SEED_PROMPT} Never give  advice."
    made = door({"protected": ["Never give  advice."]}, prompt=prompt)
    await searched(made)
    assert made.entered and all("Never give  advice." in prompt.text for prompt, _, _ in made.entered)


@pytest.mark.parametrize("race", ["paired_t", "halving", "none"])
async def test_races_save_calls(race: str) -> None:
    made = door({"race": race, "max_iterations": 1})
    await searched(made)
    sizes = [len(made.measured_scores[prompt.id].results) for prompt, _, _ in made.entered]
    assert max(sizes) == 20
    assert (min(sizes) < 20) == (race != "none")


async def test_a_group_that_can_not_be_told_apart_meets_more_cases_if_it_may() -> None:
    class Flat(Door):
        def _answer(self, messages: Sequence[Any], sample: int) -> str:
            super()._answer(messages, sample)
            name = messages[-1].content.split()[1]
            return self.landscape.label(name) if int(name[1:]) % 2 else "wrong"

    made = Flat(LAND, {**FEW, "max_iterations": 1, "widest": 35})
    await searched(made)
    assert {len(made.measured_scores[prompt.id].results) for prompt, _, _ in made.entered} == {35}
    assert json.loads(made.kept)["lost"] == 1 and len(made.accepted) == 1


# --- judges ---


@dataclass
class Played:
    ratings: list[Rating]
    matches: list[MatchFinished]
    strengths: dict[str, float]

    def strength(self, prompt_id: str) -> float:
        return self.strengths[prompt_id]


class Judges:
    """Tournaments that the landscape's quality decides, with small errors."""

    def __init__(self) -> None:
        self.played: list[tuple[int, int, str, int]] = []

    async def __call__(
        self, context: Any, prompts: Sequence[Prompt], cases: Sequence[Example], split: str, **how: int
    ) -> Played:
        self.played.append((len(prompts), len(cases), split, how["played"]))
        worth = {prompt.id: LAND.quality(prompt.text) for prompt in prompts}
        strengths = {
            name: min(1.0, max(0.0, 0.5 + 2 * (value - sum(worth.values()) / len(worth))))
            for name, value in worth.items()
        }
        figures = {
            "rating": 0.0,
            "low": -30.0,
            "high": 30.0,
            "wins": 1,
            "losses": 1,
            "ties": 0,
            "win_rate": 0.5,
        }
        ratings = [Rating(candidate_id=name, **figures) for name in worth]  # type: ignore[arg-type]
        match = MatchFinished(
            number=1, stage="s", first_id="a", second_id="b", winner_id=None, wins=0, losses=0, ties=0
        )
        return Played(ratings, [match] * 3, strengths)


class Unchecked(Door):
    """A door at which checks see only the form."""

    async def judge(self, case: Example, response: Any) -> CaseResult:
        form = CheckResult(name="short", score=1, passed=True, form=True)
        return CaseResult(case_id=case.id, output=response.text, score=1, passed=True, checks=(form,))


JUDGE = {"models": {"target": {"model": "t"}, "optimizer": {"model": "o"}, "judge": {"model": "j"}}}


async def test_judges_decide_where_no_check_says_what_is_right() -> None:
    optimizer = GrpoOptimizer.Options.model_validate({**FEW, "reward": "judges", "max_iterations": 6})
    made, judges = Unchecked(LAND, {**FEW, "reward": "judges"}, **JUDGE), Judges()
    chosen = GrpoOptimizer(optimizer)
    chosen.play = judges  # type: ignore[assignment]
    end = await searched(made, chosen)
    assert end.reason == "max_iterations", "that all checks of form pass is no end"
    assert len(made.accepted) > 1
    assert all(LAND.quality(prompt.text) >= LAND.quality(SEED_PROMPT) for prompt in made.accepted.values())
    assert {(cases, split) for _, cases, split, _ in judges.played} == {(12, "train"), (40, "validation")}
    assert [played for *_, played in judges.played] == [3 * n for n in range(len(judges.played))]
    assert any("judges give it" in reason for _, _, reason in made.verdicts)


def project(**changes: Any) -> ProjectSettings:
    table = {"name": "p", "prompt": "x", "models": {"target": {"model": "t"}}, "optimizer": {"name": "grpo"}}
    return ProjectSettings.model_validate({**table, **changes})


FORM = [{"type": "length", "max": 9}]


def test_what_counts_as_a_metric() -> None:
    rule = {"constraints": [{"name": "r", "max_words": 9}]}
    assert has_metric(project()) and not has_metric(project(task=rule))
    assert has_metric(project(checks=[*FORM, {"type": "exact"}])) and not has_metric(project(checks=FORM))
    assert has_metric(project(checks=[{"type": "judge", "rubric": "good"}]))
    assert not has_metric(project(checks=[{"type": "all_of", "checks": FORM}]))
    assert not has_metric(project(checks=[{"type": "contains", "value": "x", "form": True}]))


def made(reward: str, **changes: Any) -> GrpoOptimizer:
    found = registry.make(project(optimizer={"name": "grpo", "reward": reward}, **changes))
    assert isinstance(found, GrpoOptimizer)
    return found


def test_judges_are_asked_only_where_there_are_some_and_no_metric() -> None:
    assert not made("auto", checks=FORM).needs_judges  # nobody to ask
    assert made("auto", checks=FORM, **JUDGE).needs_judges
    assert not made("auto", **JUDGE).needs_judges
    assert not made("metric", checks=FORM, **JUDGE).needs_judges
    assert made("judges", **JUDGE).needs_judges


def test_judges_that_can_not_be_had_are_refused_clearly() -> None:
    with pytest.raises(SettingsError, match="there is no judge model"):
        made("judges")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"protected": ["y"]}, "does not have the protected text 'y'"),
        ({"group": 1}, "optimizer.group"),
        ({"performance": 0, "format": 0}, "can't both weigh nothing"),
        ({"batch": 30, "widest": 20}, "less than batch"),
        ({"operators": {"merge": 1, "mutate": 1}}, "optimizer.operators.mutate"),
        ({"gruop": 4}, "unknown setting"),
    ],
)
def test_bad_settings_are_told(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        registry.make(project(optimizer={"name": "grpo", **settings}))


async def test_a_plan_bounds_what_a_search_does() -> None:
    optimizer = registry.make(door().settings)
    plan = optimizer.plan(
        Scale(train=60, validation=40, shared=False, prompt_chars=len(SEED_PROMPT), reply_tokens=4096)
    )
    made = door()
    await searched(made)
    asked = sum(role == "optimizer" for role, _ in made.asked)
    assert plan and plan.iterations.high == 4 and plan.target_calls.high and plan.optimizer_calls.high
    assert made.target_calls <= 40 + (plan.first_target_calls.high or 0) + plan.target_calls.high
    assert plan.optimizer_calls.low <= asked <= plan.optimizer_calls.high
    shared = Scale(train=5, validation=5, shared=True, prompt_chars=9)
    assert (optimizer.plan(shared) or plan).first_target_calls.high == 0
