"""Parts of ``refine``: the pool, sets of demonstrations, what a round has, edits of a long prompt."""

import json
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult
from promptopt.optimizers.proposals import Malformed, apply_edits, parse_proposal
from promptopt.optimizers.refine import RefineOptions
from promptopt.optimizers.refine.demonstrating import Demonstrator
from promptopt.optimizers.refine.planning import plan_slots
from promptopt.optimizers.refine.pool import Pool
from promptopt.optimizers.refine.state import State

SEED, ONE, OTHER = (Prompt(text=text) for text in ("seed", "one", "other"))


def scores(passed: str, n: int = 10) -> dict[str, float]:
    """Cases 0 to ``n``, of which those in ``passed`` pass."""
    return {str(at): float(str(at) in passed) for at in range(n)}


def unrelated(one: Prompt, other: Prompt) -> bool:
    return False


# --- pool ---


def pool(**members: str) -> Pool:
    made = Pool(SEED, 8)
    made.note(SEED, scores(members.pop("seed")))
    for text, passed in members.items():
        made.enter(Prompt(text=text), scores(passed))
    return made


def test_cases_on_which_all_are_equal_count_for_nobody_and_leaders_share_the_others() -> None:
    made = pool(seed="0123", one="0145", other="0167")
    leads = made.leads()
    assert leads[SEED.id] == leads[ONE.id] == leads[OTHER.id] == 2
    made = pool(seed="0123", one="0123", other="456")
    assert made.leads()[SEED.id] == made.leads()[ONE.id] == 2
    assert made.leads()[OTHER.id] == 3


def test_parents_are_drawn_by_the_cases_that_they_lead_on_and_by_what_they_promise() -> None:
    made = pool(seed="0", one="01234", other="56")
    dice = random.Random(3)
    drawn = Counter(made.parent(dice, lambda _: 1.0).text for _ in range(600))
    assert drawn["one"] > drawn["other"] > drawn["seed"] > 0
    drawn = Counter(made.parent(dice, lambda prompt: float(prompt == SEED)).text for _ in range(20))
    assert set(drawn) == {"seed"}


def test_whoever_another_dominates_leaves_but_the_best_stays_whatever_it_scores() -> None:
    made = pool(seed="0", one="012", other="01")
    assert [member.prompt for member in made.members] == [SEED, ONE]
    made.crown(ONE, scores("012"))
    made.enter(OTHER, scores("3"))
    assert {member.prompt for member in made.members} == {ONE, OTHER}


def test_a_pool_of_one_keeps_the_best_alone() -> None:
    made = Pool(SEED, 1)
    made.enter(ONE, scores("0123456789"))
    assert [member.prompt for member in made.members] == [SEED]


def test_a_pair_is_two_that_have_something_to_give_each_other_and_were_not_merged() -> None:
    made = pool(seed="0", one="0123", other="0456")
    assert made.pair([], unrelated) == (ONE, OTHER)
    assert made.pair([[OTHER.id, ONE.id]], unrelated) is None
    assert made.pair([], lambda one, other: True) is None
    again = Pool(SEED, 8)
    again.load(json.loads(json.dumps(made.dump())))
    assert again.dump() == made.dump() and again.best == made.best


# --- demonstrations ---

CASES = [Example(id=str(n), inputs={"input": f"text {n}"}, expected=f"label {n % 3}") for n in range(12)]


def answered(passed: set[int]) -> dict[str, CaseResult]:
    return {
        case.id: CaseResult(
            case_id=case.id, output=(case.expected or "") if n in passed else "no", passed=n in passed
        )
        for n, case in enumerate(CASES)
    }


@settings(deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 6), st.sets(st.integers(0, 11)), st.integers(0, 200))
async def test_a_set_fits_has_each_case_once_and_only_what_passes(
    seed: int, most: int, passed: set[int], room: int
) -> None:
    asked: list[str] = []

    async def passes(case: Example, text: str) -> bool:
        asked.append(case.id)
        return int(case.id) % 2 == 0

    made = await Demonstrator(CASES, most, passes).draw(SEED, answered(passed), room, random.Random(seed))
    assert len(made) <= most and len({demo.id for demo in made}) == len(made)
    assert sum(len(demo.input_text) + len(demo.expected or "") for demo in made) <= room
    for demo in made:
        assert int(demo.id) in passed or int(demo.id) % 2 == 0
    assert len(asked) == len(set(asked))


async def test_labels_are_spread_and_a_set_that_is_there_is_changed_a_little() -> None:
    async def passes(case: Example, text: str) -> bool:
        return True

    demonstrator = Demonstrator(CASES, 3, passes)
    results = answered(set(range(12)))
    sets = [await demonstrator.draw(SEED, results, 10**4, random.Random(n)) for n in range(20)]
    full = [made for made in sets if len(made) == 3]
    assert full and all(len({demo.expected for demo in made}) == 3 for made in full)
    parent = Prompt(text="seed", demonstrations=full[0])
    again = [await demonstrator.draw(parent, results, 10**4, random.Random(n)) for n in range(40)]
    kept = [len({d.id for d in made} & {d.id for d in full[0]}) for made in again]
    assert sum(count == 2 for count in kept) >= 10, "about half of the draws change one"


def test_without_room_for_any_nothing_can_be_shown() -> None:
    async def passes(case: Example, text: str) -> bool:
        return True

    assert not Demonstrator(CASES, 0, passes).possible(answered({1}))
    silent = [case.model_copy(update={"expected": None}) for case in CASES]
    assert not Demonstrator(silent, 3, passes).possible({})
    assert Demonstrator(silent, 3, passes).possible(answered({1}))


# --- what a round has ---


@settings(deadline=None)
@given(st.integers(1, 8), st.booleans(), st.integers(0, 1000))
def test_a_round_has_so_many_slots_and_several_always_begin_with_a_rewriting(
    number: int, demonstrate: bool, seed: int
) -> None:
    state = State.fresh(SEED, RefineOptions())
    slots = plan_slots(number, state, random.Random(seed), trust=lambda _: 1.0, demonstrate=demonstrate)
    assert [slot.number for slot in slots] == list(range(1, number + 1))
    kinds = Counter(slot.operator for slot in slots)
    assert kinds["merge"] == 0 and kinds["demonstrate"] <= max(1, -(-number // 3))
    assert demonstrate or not kinds["demonstrate"]
    if number > 1:
        assert slots[0].operator == "rewrite"
    turns = [slot.turn for slot in slots if slot.operator == "rewrite"]
    assert turns == list(range(len(turns)))


def test_an_operator_that_brings_nothing_is_taken_less() -> None:
    state = State.fresh(SEED, RefineOptions())
    for _ in range(6):
        state.score_operators({"rewrite": [True, True], "demonstrate": [False, False]})
    drawn = Counter(
        slot.operator
        for seed in range(50)
        for slot in plan_slots(3, state, random.Random(seed), trust=lambda _: 1.0, demonstrate=True)
    )
    assert drawn["rewrite"] > 6 * drawn["demonstrate"]
    again = State.fresh(SEED, RefineOptions())
    again.load(json.loads(json.dumps(state.dump())))
    assert again.dump() == state.dump()


# --- edits ---


def test_edits_are_made_one_after_the_other() -> None:
    edits = [{"find": "long", "replace": "short"}, {"find": "short text", "replace": "short {input}"}]
    assert apply_edits("A long text.", edits) == "A short {input}."
    reply = json.dumps({"edits": edits, "reasoning": "r", "confidence": 0.5})
    assert parse_proposal(f"Here:\n```json\n{reply}\n```", "A long text.").prompt == "A short {input}."


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ([], "at least one"),
        ("x", "at least one"),
        ([{"find": "gone", "replace": "x"}], "is not in the prompt"),
        ([{"find": "t", "replace": "x"}], "2 times"),
        ([{"find": "", "replace": "x"}], "not empty"),
        ([{"find": "text"}], '"replace"'),
        (["find"], '"find"'),
    ],
)
def test_edits_that_do_not_fit_are_refused_with_the_reason(edits: object, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        parse_proposal(json.dumps({"edits": edits}), "A long text.")


def test_a_whole_prompt_is_taken_where_edits_were_asked_for_and_not_the_other_way_round() -> None:
    assert parse_proposal('{"prompt": "new"}', "old").prompt == "new"
    with pytest.raises(Malformed, match='no JSON object with a "prompt"'):
        parse_proposal('{"edits": [{"find": "a", "replace": "b"}]}')


async def test_where_the_case_is_put_into_the_text_a_demonstration_costs_all_of_it() -> None:
    async def passes(case: Example, text: str) -> bool:
        return True

    demonstrator = Demonstrator(CASES, 4, passes)
    filled = Prompt(text="Label this ticket, please: {input}" + " and mind the rules" * 20)
    made = await demonstrator.draw(filled, {}, 2 * len(filled.text), random.Random(1))
    assert len(made) <= 1
    sent = Prompt(text=filled.text, demonstrations=made).render(CASES[0])
    alone = filled.render(CASES[0])
    extra = sum(len(m.content) for m in sent) - sum(len(m.content) for m in alone)
    assert extra <= 2 * len(filled.text)
