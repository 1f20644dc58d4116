"""What steers a search: operators, trust region, pool of parents, deck of cases."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.optimizers.grpo.deck import Deck, stratified
from promptopt.optimizers.grpo.operators import OPERATORS, Bandit, Operator
from promptopt.optimizers.grpo.pool import MOST, Pool
from promptopt.optimizers.grpo.trust import LEAST_BETA, MOST_BETA, TrustRegion, distance

CALM = settings(derandomize=True, deadline=None, max_examples=60)

SHARES: dict[Operator, float] = {
    "lessons": 0.35, "patch": 0.25, "merge": 0.15, "shorten": 0.1, "explore": 0.15,
}  # fmt: skip
ROOM: dict[Operator, int] = dict.fromkeys(OPERATORS, 999)

# --- operators ---


def drawn(bandit: Bandit, times: int = 4000) -> dict[str, float]:
    counts = Counter(bandit.draw(times, ROOM, random.Random(1)))
    return {name: counts[name] / times for name in OPERATORS}


def test_at_first_operators_are_drawn_as_the_settings_say() -> None:
    shares = drawn(Bandit(SHARES, floor=0.0), 900)
    assert shares == pytest.approx(SHARES, abs=0.06)


def test_what_works_is_drawn_more_and_exploring_never_ends() -> None:
    bandit = Bandit(SHARES, floor=0.1)
    for _ in range(40):
        bandit.learn("merge", True)
        for name in ("lessons", "patch", "explore", "shorten"):
            bandit.learn(name, False)  # type: ignore[arg-type]
    shares = drawn(bandit, 900)
    assert shares["merge"] > 0.6
    assert shares["explore"] >= 0.08


@CALM
@given(
    st.integers(1, 12),
    st.dictionaries(st.sampled_from(OPERATORS), st.integers(0, 3)),
    st.dictionaries(st.sampled_from(OPERATORS), st.tuples(st.integers(0, 9), st.integers(0, 9))),
    st.integers(),
)
def test_room_is_kept_and_draws_can_be_repeated(
    count: int, room: dict[Operator, int], tally: dict[Operator, tuple[int, int]], seed: int
) -> None:
    dice, again = random.Random(seed), random.Random(seed)
    found = Bandit(SHARES, 0.1, dict(tally)).draw(count, room, dice)
    assert len(found) == count
    for name, times in Counter(found).items():
        assert name == "explore" or times <= room.get(name, 0)
    assert found == Bandit(SHARES, 0.1, dict(tally)).draw(count, room, again)
    assert dice.getstate() == again.getstate()


# --- trust region ---

prompts = st.lists(
    st.sampled_from(["label", "the", "ticket", "as", "billing", "or", "bug", "never", "guess"]), max_size=90
).map(" ".join)


@CALM
@given(prompts, prompts)
def test_distance_is_symmetric_in_range_and_nothing_for_equals(one: str, other: str) -> None:
    assert distance(one, one) == 0
    assert 0 <= distance(one, other) <= 1
    assert distance(one, other) == pytest.approx(distance(other, one))


def test_more_changes_are_further_and_one_rule_in_a_short_prompt_is_near() -> None:
    short = "Label the support ticket as billing, bug, account or feature."
    one = f"{short}\nAnswer with one word."
    three = f"{one}\nMoney questions are billing. Things that used to work are bugs. Never ask back."
    assert 0 < distance(one, short) < 0.1 < distance(three, short) < 0.35
    long = " ".join(f"word{n}" for n in range(200))
    other = " ".join(f"term{n}" for n in range(200))
    assert distance(long, other) > 0.6
    assert distance(long, f"{long} and one more rule at its end") < 0.1


def test_the_target_anneals_and_the_price_grows_with_distance_length_and_drift() -> None:
    region = TrustRegion(0.2)
    assert region.target(0) == pytest.approx(0.35) and region.target(1) == pytest.approx(0.15)
    assert region.target(7) == pytest.approx(0.15)
    parent = " ".join(f"word{n}" for n in range(150))
    near, far = f"{parent} more", " ".join(f"term{n}" for n in range(150))
    assert region.price(near, parent, parent, 0) == 0
    assert region.price(far, parent, parent, 1) > region.price(far, parent, parent, 0) > 0
    assert region.price(far, parent, far, 0) < region.price(far, parent, parent, 0)  # it is true to the seed
    twice = f"{parent} {parent}"
    plain = TrustRegion(0.0, seed_anchor=0.0)
    assert plain.price(twice, twice, parent, 0) == pytest.approx(0.05 * (len(twice) / 1200 - 1))


def test_the_price_of_distance_adapts_and_stays_in_bounds() -> None:
    region = TrustRegion(0.2)
    region.adapt([0.9, 0.8], 1)
    assert region.beta == pytest.approx(0.4)
    region.adapt([0.15], 1)
    assert region.beta == pytest.approx(0.4)
    region.adapt([0.01], 1)
    assert region.beta == pytest.approx(0.2)
    region.adapt([], 1)
    assert region.beta == pytest.approx(0.2)
    for far in (0.9, 0.0):
        for _ in range(40):
            region.adapt([far], 0)
        assert region.beta == (MOST_BETA if far else LEAST_BETA)


# --- pool ---


def prompt(name: str) -> Prompt:
    return Prompt(text=name)


def pool(**rewards: str) -> Pool:
    """Members with rewards written as digits; ``-`` is a case that was not met. The first is the best."""
    first = prompt(next(iter(rewards)))
    made = Pool(first)
    for name, digits in rewards.items():
        made.keep(prompt(name), {str(c): int(d) for c, d in enumerate(digits) if d != "-"})
    return made


def test_leads_count_cases_that_tell_and_need_two_of_them() -> None:
    made = pool(a="1101", b="1011", c="1010", d="1110")
    leads = {m.prompt.text: made.leads().get(m.prompt.id) for m in made.members}
    # Case 0 tells nothing; c is dominated by b.
    assert leads == {"a": 2, "b": 2, "c": None, "d": 2}
    assert pool(a="11111", b="00001").leads() == {prompt("a").id: 4}


def test_who_met_other_cases_is_not_dominated() -> None:
    assert prompt("b").id in pool(a="111--", b="001-1", c="00000").leads()


def test_parents_come_from_the_front_by_their_leads_and_else_the_best_is_the_parent() -> None:
    made = pool(a="111100", b="000011", c="000000")
    dice = random.Random(0)
    found = Counter(made.parent(dice, 1.0).text for _ in range(600))
    assert set(found) == {"a", "b"} and 1.5 < found["a"] / found["b"] < 2.7
    assert {made.parent(dice, 0.0).text for _ in range(9)} == {"a"}
    made.crown(prompt("c"))
    assert {made.parent(dice, 0.0).text for _ in range(9)} == {"c"}


def test_a_partner_does_better_on_some_cases() -> None:
    made = pool(a="111000", b="000011", c="111000", d="000111")
    partner = made.partner(prompt("a"))
    assert partner and partner.text == "d"
    assert pool(a="110", b="001").partner(prompt("a")) is None  # one case may be luck


def test_the_pool_is_bounded_and_keeps_the_best() -> None:
    made = pool(best="0" * 20)
    for n in range(3 * MOST):
        made.keep(prompt(f"p{n}"), {str(c): float(c == n % 20 or c == (n + 1) % 20) for c in range(20)})
    assert len(made.members) == MOST and made.best.prompt.text == "best"


def test_what_others_solved_and_how_cases_spread() -> None:
    made = pool(a="110-", b="10--", c="1---")
    assert made.solved(prompt("a").id) == {"0"}
    assert pool(a="11").solved(prompt("a").id) is None
    spread = made.spread()
    assert spread["1"] > spread["0"] and set(spread) == {"0", "1", "2"}


def test_a_pool_survives_a_checkpoint() -> None:
    made = pool(a="101", b="011")
    again = Pool(prompt("x"))
    again.load(made.dump())
    assert again.dump() == made.dump() and again.leads() == made.leads()


# --- deck ---


def cases(count: int, labels: int = 3) -> list[Example]:
    return [
        Example(id=f"c{n}", inputs={"input": str(n)}, expected=f"label {n % labels}") for n in range(count)
    ]


@CALM
@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 5), st.integers())
def test_a_batch_has_each_case_once_and_the_deck_goes_round(
    count: int, size: int, batches: int, seed: int
) -> None:
    deck, dice = Deck(cases(count), 3), random.Random(seed)
    for _ in range(batches + 1):
        batch = deck.deal(size, {}, dice)
        names = [case.id for case in batch]
        assert len(names) == len(set(names)) == min(size, count)
        deck.used(batch, len(batch))
    seen: set[str] = set()
    for _ in range(2 * count):
        batch = deck.deal(size, {}, dice)
        seen |= {case.id for case in batch}
        deck.used(batch, len(batch))
    assert len(seen) == count


def test_half_of_a_batch_is_drawn_to_what_tells_prompts_apart() -> None:
    deck, dice = Deck(cases(60), 0), random.Random(0)
    telling = {f"c{n}": 0.25 for n in range(0, 60, 6)}
    spread = {case.id: telling.get(case.id, 0.001) for case in deck.cases}
    counts = Counter(case.id for _ in range(200) for case in deck.deal(20, spread, dice))
    fixed = {case.id for case in deck.cases[:10]}  # the even half of a deck that stays where it is
    chosen = [counts[name] for name in telling if name not in fixed]
    others = [counts[case.id] for case in deck.cases if case.id not in {*telling, *fixed}]
    assert min(chosen) > 150 > max(others)


def test_each_stretch_has_about_the_share_of_each_label() -> None:
    ordered = stratified(cases(60), random.Random(5))
    for start in range(0, 60, 12):
        counts = Counter(case.expected for case in ordered[start : start + 12])
        assert all(3 <= times <= 5 for times in counts.values()) and len(counts) == 3
