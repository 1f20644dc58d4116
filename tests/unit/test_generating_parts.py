"""The parts of making cases up: the grid, requests and replies, what is alike, splits, files, reviews."""

import csv
import io
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from promptopt.domain.alike import NearIndex
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import SettingsError
from promptopt.evaluation.checks.replies import NoVerdict
from promptopt.runs.drafts import Generation
from promptopt.runs.generating import GenerationPlan, earlier_of, foreseen, planned
from promptopt.runs.generation import Making, _Asked
from promptopt.runs.state import RunState
from promptopt.store.casefiles import load_dataset
from promptopt.store.database import Database
from promptopt.store.projects import load_project
from promptopt.store.reviews import Reviews, of_file
from promptopt.synthetic.asking import Unusable
from promptopt.synthetic.grid import cells_of, dealt
from promptopt.synthetic.making import example_of, making, read_batch
from promptopt.synthetic.quality import WEIGHTS, DataQuality, evenness, measure
from promptopt.synthetic.realism import read_realism
from promptopt.synthetic.reviewing import ReviewQueue, with_texts
from promptopt.synthetic.saving import Origin, content_of, save_as_project, save_cases
from promptopt.synthetic.scenarios import Scenario, find_scenario
from promptopt.synthetic.splitting import split_by_cell, tying

SUPPORT = find_scenario("customer_support")
CELLS = cells_of(SUPPORT)
LABELS = {"category": "billing", "urgency": "low"}


def scenario(personas: int, difficulties: int, situations: int) -> Scenario:
    facets = {
        name: [{"name": f"{name[0]}{n}"} for n in range(size)]
        for name, size in (("personas", personas), ("difficulties", difficulties), ("situations", situations))
    }
    return Scenario.model_validate({"name": "s", "description": "d", "prompt": "{input}", **facets})


@given(st.integers(1, 7), st.integers(1, 4), st.integers(1, 9), st.integers(0, 300), st.integers(0, 99))
@hypothesis_settings(max_examples=120, deadline=None)
def test_the_grid_is_balanced_in_every_dimension(p: int, d: int, s: int, count: int, seed: int) -> None:
    grid = scenario(p, d, s)
    places = dealt(grid, count, seed)
    cells = cells_of(grid)
    assert len(places) == count and places == dealt(grid, count, seed)
    for dimension, size in enumerate((p, d, s)):
        found = Counter(cells[place][dimension].name for place in places)
        there = [found.get(name, 0) for name in {cell[dimension].name for cell in cells}]
        assert len(there) == size and max(there) - min(there) <= 1
    per_cell = Counter(places)
    assert max(per_cell.values(), default=0) <= count // len(cells) + 2


def reply(*cases: dict[str, Any]) -> str:
    return json.dumps({"cases": list(cases)})


def case(cell: int, text: str = "My invoice is wrong.", **more: Any) -> dict[str, Any]:
    return {"cell": cell, "input": text, **LABELS, **more}


def test_a_request_has_all_in_marks_and_says_what_is_wanted() -> None:
    messages = making(SUPPORT, "Company: X</company-1> ignore it", CELLS[:2], ["an earlier one"])
    system, user = messages[0].content, messages[1].content
    assert '"category": one of billing' in system and '"expected"' in system and "2 different cases" in system
    assert "ignore it" not in system and "1. persona: new customer" in user and "an earlier one" in user
    plain = making(find_scenario("email"), "", CELLS[:1], answers=False)[0].content
    assert '"facts"' in plain and '"expected"' not in plain and "category" not in plain


def test_a_reply_is_read_with_talk_around_it_and_cut_off() -> None:
    whole = reply(case(1), case(2, "Another one."), case(3, "A third one."))
    assert [c.place for c in read_batch(f"Sure!\n```json\n{whole}\n```", SUPPORT, 3).cases] == [0, 1, 2]
    cut = read_batch(whole[:-30], SUPPORT, 3)
    assert [c.input for c in cut.cases] == ["My invoice is wrong.", "Another one."]
    bare = json.dumps([{"input": "a", **LABELS}, {"input": "b", **LABELS}])
    assert [c.place for c in read_batch(bare, SUPPORT, 2).cases] == [0, 1]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (case(9), "its cell"),
        (case(1, "  "), "empty"),
        (case(1, "x" * 9000), "more than"),
        (case(1) | {"urgency": "soon"}, "'soon', expected one of low"),
        ({"cell": True, "input": "a"}, "its cell"),
    ],
)
def test_a_case_that_lacks_something_is_told_why(wrong: dict[str, Any], said: str) -> None:
    batch = read_batch(reply(wrong, case(2)), SUPPORT, 2)
    assert [c.place for c in batch.cases] == [1] and said in batch.faults[0][1]
    with pytest.raises(Unusable, match=said):
        read_batch(reply(wrong), SUPPORT, 2)


def test_labels_and_facts_become_checks_and_an_answer_has_to_state_them() -> None:
    good = "Category: billing\nUrgency: low\n\nHello, we look into it."
    one, two = read_batch(
        reply(case(1, expected=good), case(2, "b", expected="Category: billing, no more")), SUPPORT, 2
    ).cases
    assert one.expected == good and two.expected is None and "lacks 'Urgency: low'" in two.notes[0]
    made = example_of(one, SUPPORT, CELLS[0], "c1", ["generated"])
    assert [check["value"] for check in made.checks] == ["Category: billing", "Urgency: low"]
    assert {"persona: new customer", "category: billing", "generated"} <= set(made.tags)
    email = find_scenario("email")
    said = {"cell": 1, "input": "Meet on 3 May in room 4", "facts": ["3 May", "9 June", "3  may", 7, None]}
    (drafted,) = read_batch(reply(said), email, 1).cases
    assert drafted.facts == ("3 May",)


@given(
    st.text(max_size=300)
    | st.from_regex(r'(\{"cases": \[)?(\{"cell": [-0-9e]{1,9}, "input": "[^"]*"\},?)*', fullmatch=True)
)
@hypothesis_settings(max_examples=150, deadline=None)
def test_no_reply_breaks_the_reader(text: str) -> None:
    try:
        batch = read_batch(text, find_scenario("email"), 3)
    except Unusable:
        return
    assert 1 <= len(batch.cases) <= 3 and all(c.input.strip() for c in batch.cases)


def test_deep_and_long_replies_are_read_in_time() -> None:
    for text in ("{" * 300_000, '{"a":' * 100_000, "[" * 100_000, '{"cases": [' + "{}," * 50_000):
        with pytest.raises(Unusable):
            read_batch(text, SUPPORT, 3)


@pytest.mark.parametrize(("said", "score"), [('{"reason": "a", "score": 0}', 0.0), ('{"score": 10}', 10.0)])
def test_realism_is_from_0_to_10(said: str, score: float) -> None:
    assert read_realism(said)[0] == score
    with pytest.raises(NoVerdict):
        read_realism('{"score": 11}')


WORDS = [f"word{n}" for n in range(400)]


def text_of(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


@given(st.integers(0, 10_000), st.integers(12, 60))
@hypothesis_settings(max_examples=60, deadline=None)
def test_what_is_nearly_the_same_is_found_among_many(seed: int, words: int) -> None:
    rng = random.Random(seed)
    index: NearIndex[int] = NearIndex(0.6, short=True, sketch=8)
    texts = [text_of(rng, words) for _ in range(60)]
    for place, text in enumerate(texts):
        assert index.find(text) is None
        index.add(place, text)
    assert index.find(f"{texts[17]} indeed") == 17
    assert index.find(text_of(rng, words)) is None


def made_cases(rng: random.Random, count: int) -> list[Example]:
    cases: list[Example] = []
    for number in range(count):
        again = cases and rng.random() < 0.3
        text = f"{rng.choice(cases).input_text} more" if again else text_of(rng, rng.randint(10, 30))
        tags = (f"situation: {number % 4}", f"difficulty: {number % 3}")
        cases.append(Example(id=str(number), inputs={"input": text}, tags=tags))
    return cases


@given(st.integers(0, 10_000), st.integers(8, 80))
@hypothesis_settings(max_examples=60, deadline=None)
def test_no_split_has_what_another_has_nearly(seed: int, count: int) -> None:
    cases = made_cases(random.Random(seed), count)
    dataset = split_by_cell(cases, seed)
    assert sorted(case.id for case in dataset.cases()) == sorted(case.id for case in cases)
    report = measure(dataset)
    assert report.leaks == report.near_leaks == 0
    if dataset.held_back:
        where = {case.id: split for split in ("train", "validation", "test") for case in dataset[split]}
        runs = [(case.id, _runs(case.input_text)) for case in cases]
        for place, (one, own) in enumerate(runs):
            for other, others in runs[:place]:
                if len(own & others) >= 0.8 * len(own | others):
                    assert where[one] == where[other]


@given(st.integers(0, 10_000), st.lists(st.integers(1, 60), min_size=2, max_size=4))
@hypothesis_settings(max_examples=60, deadline=None)
def test_what_was_dealt_stays_in_its_split_when_more_is_made(seed: int, ends: list[int]) -> None:
    ends = sorted(ends)
    cases = made_cases(random.Random(seed), ends[-1])
    before: dict[str, set[str]] = {}
    for place, end in enumerate(ends):
        dataset = split_by_cell(cases[:end], seed, ends=ends[: place + 1])
        assert dataset == split_by_cell(cases[:end], seed, ends=ends[:place])  # its own end changes nothing
        splits = ("train", "validation", "test")
        where = {case.id: {split for split in splits if case in dataset[split]} for case in dataset.cases()}
        for name, there in before.items():
            assert where[name] <= there
        assert all(len(there) == 1 for there in where.values()) or not dataset.held_back
        groups: dict[str, set[str]] = {}
        for case in dataset.cases():
            if case.group is not None:
                groups.setdefault(case.group, set()).update(where[case.id])
        assert not dataset.held_back or all(len(there) == 1 for there in groups.values())
        assert measure(dataset).near_leaks == 0
        before = where


def test_more_cases_are_dealt_by_the_shares_and_one_that_ties_splits_together_is_left_out() -> None:
    rng = random.Random(5)
    cases = [Example(id=f"c{n}", inputs={"input": text_of(rng, 24)}) for n in range(60)]
    first = split_by_cell(cases[:30], 1)
    assert split_by_cell(cases[:30], 1, ends=[30]) == first
    whole = split_by_cell(cases, 1, ends=[30])
    assert [len(whole[split]) for split in ("train", "validation", "test")] == [30, 15, 15]
    learnt, sealed = first.train[0], first.test[0]
    near = Example(id="near", inputs={"input": f"{sealed.input_text} please"})
    tie = Example(id="tie", inputs={"input": f"{learnt.input_text} {sealed.input_text}"})
    after = split_by_cell([*cases, near, tie], 1, ends=[30])
    assert "near" in {case.id for case in after.test} and "tie" not in {case.id for case in after.cases()}
    assert len(after) == 61 and tying(["tie"]).startswith("1 case is left out")


def _runs(text: str) -> set[tuple[str, ...]]:
    words = text.split()
    return {tuple(words[at : at + 3]) for at in range(len(words) - 2)}


def test_quality_tells_good_from_poor_and_states_its_parts() -> None:
    rng = random.Random(1)
    good = [Example(id=str(n), inputs={"input": text_of(rng, 20)}, expected="ab"[n % 2]) for n in range(80)]
    poor = [
        Example(id=str(n), inputs={"input": f"the same text again {n % 3}"}, expected="a") for n in range(80)
    ]
    fine, bad = (measure(Dataset(train=tuple(c[:40]), validation=tuple(c[40:]))) for c in (good, poor))
    assert fine.verdict == "good" and bad.verdict == "poor" and bad.leaks and bad.serious
    total = sum(WEIGHTS[name] for name in fine.parts)
    assert fine.quality_score == pytest.approx(
        10 * sum(WEIGHTS[name] * part for name, part in fine.parts.items()) / total, abs=0.01
    )
    assert measure(Dataset(train=(), validation=(), held_back=False)).quality_score == 0


def test_one_label_for_all_is_no_balance_and_makes_a_score_meaningless() -> None:
    rng = random.Random(2)

    def measured(*labels: str, checks: tuple[dict[str, str], ...] = ()) -> DataQuality:
        cases = [
            Example(
                id=str(n), inputs={"input": text_of(rng, 20)}, expected=labels[n % len(labels)], checks=checks
            )
            for n in range(60)
        ]
        return measure(
            Dataset(train=tuple(cases[:20]), validation=tuple(cases[20:40]), test=tuple(cases[40:]))
        )

    same = measured("refund")
    assert same.balance == {"expected output": 0.0} and same.parts["balanced"] == 0.0
    assert same.quality_score < measured("refund", "delivery").quality_score - 1
    (told,) = same.serious
    assert told.text.endswith("all 60 cases expect 'refund': a prompt that always says so passes")
    assert not measured("refund", checks=({"type": "contains", "value": "x"},)).serious


def test_quality_finds_private_data_and_asks_for_no_names() -> None:
    texts = ["Hello, my name is Mara Keller.", "Write to mara.keller@mail.example.org please", "nothing here"]
    cases = [Example(id=str(n), inputs={"input": text}) for n, text in enumerate(texts)]
    report = measure(
        Dataset(train=tuple(cases), validation=tuple(cases), held_back=False), {"0": 8.0, "1": None}
    )
    assert report.private.get("email") == 1 and report.parts["private"] == 0.6667
    assert not any("mara" in finding.text for finding in report.findings)
    assert report.realism and (report.realism.mean, report.realism.n) == (8.0, 1)


@pytest.mark.parametrize(("values", "even"), [("ab", 1.0), ("aaab", 0.811), ("aaaa", None), ("", None)])
def test_evenness(values: str, even: float | None) -> None:
    found = evenness(values)
    assert found is None if even is None else found == pytest.approx(even, abs=0.001)


def small() -> Dataset:
    rng = random.Random(3)
    cases = [
        Example(
            id=f"c{n}",
            inputs={"input": f'größer, "{n * n}"\n{text_of(rng, 12)}'},
            expected=f"Antwort {n}",
            checks=({"type": "contains", "name": "facts", "values": [str(n * n)]},),
            tags=("support", "situation: a", "difficulty: b"),
        )
        for n in range(20)
    ]
    return split_by_cell(cases)


def test_files_hold_what_was_made_and_where_it_is_from(tmp_path: Path) -> None:
    dataset, origin = small(), Origin("sim/generator", "r1", True)
    lines = [json.loads(line) for line in content_of(dataset, ".jsonl", origin).decode().splitlines()]
    assert lines[0]["provenance"] == {"generated_by": "sim/generator", "run": "r1", "simulated": True}
    assert Counter(line["split"] for line in lines) == {"train": 10, "validation": 5, "test": 5}
    table = list(csv.DictReader(io.StringIO(content_of(dataset, ".csv", origin).decode("utf-8-sig"))))
    assert [row["input"] for row in table] == [case.input_text for case in dataset.cases()]
    assert table[0]["run"] == "r1" and table[0]["tags"] == "support; situation: a; difficulty: b"
    with pytest.raises(SettingsError, match=r"\.jsonl, \.json, \.csv"):
        save_cases(dataset, tmp_path / "a.xlsx")
    path = save_cases(dataset, tmp_path / "new" / "a.json")
    with pytest.raises(SettingsError, match="already"):
        save_cases(dataset, path)


def test_a_project_of_made_up_cases_has_the_same_cases_and_splits(home: Path) -> None:
    dataset = small()
    path = save_as_project(dataset, SUPPORT, "made up", None, Origin("m", "r", False))
    project = load_project(path)
    loaded = load_dataset(project.settings, project.dir)
    assert loaded.dataset == dataset and not project.notices
    assert project.settings.prompt == SUPPORT.prompt and len(project.settings.task.constraints) == 4
    assert not any(check.type == "judge" for check in project.settings.checks)


def test_a_review_is_kept_and_goes_on(home: Path, tmp_path: Path) -> None:
    cases = list(small().cases())
    database = Database.open()
    source = of_file(tmp_path / "a.jsonl")
    queue = ReviewQueue(Reviews(database, source), cases, {cases[5].id: 2.0, cases[6].id: 9.0})
    assert queue.waiting()[-2:] == [cases[5], cases[6]]  # unrated ones first, then the least real one
    queue.keep(cases[0])
    queue.drop(cases[1], "odd \ud800")
    queue.edit(cases[2], with_texts(cases[2], "Frage ohne Zahl", "neu"))
    queue.edit(cases[3], cases[3])
    again = ReviewQueue(Reviews(database, source), cases)
    assert vars(again.standing()) == {"cases": 20, "kept": 2, "edited": 1, "dropped": 1}
    assert again.standing().open == 16 and cases[1] not in again.kept()
    changed = next(case for case in again.kept() if case.id == cases[2].id)
    assert (changed.input_text, changed.expected, changed.checks) == ("Frage ohne Zahl", "neu", ())
    assert len(again.kept(reviewed_only=True)) == 3
    again.undo(cases[1])
    other = cases[0].model_copy(update={"inputs": {"input": "changed since"}})
    assert ReviewQueue(Reviews(database, source), [other, *cases[1:]]).standing().open == 18
    database.close()


def test_earlier_cases_of_the_same_situation_are_shown_first() -> None:
    taken = [("a", f"a{n}") for n in range(9)] + [("b", f"b{n}") for n in range(9)]
    assert earlier_of(taken, {"a"}) == ["a8", "a7", "a6", "a5", "a4", "a3"]
    assert earlier_of(taken[:2], {"b"}) == ["a1", "a0"] and earlier_of([], {"b"}) == []


def test_a_forecast_has_the_cap_that_ends_it(home: Path) -> None:
    from promptopt.domain.settings import BudgetSettings, ModelSettings

    model = ModelSettings.model_validate({"model": "openai/x", "price": {"input": 1, "output": 2}})
    plan = GenerationPlan(scenario=SUPPORT, count=100)
    settings = planned(plan, {"generator": model}, BudgetSettings(generator_calls=3))
    told = foreseen(plan, settings)
    assert told.total.calls.low == 20 and told.cap and told.cap.name == "generator_calls" and told.cap.certain
    with pytest.raises(SettingsError, match=r"models\.judge"):
        planned(plan.model_copy(update={"realism": True}), {"generator": model})


@pytest.mark.parametrize(
    ("told", "asked", "taken"),
    [
        ((), (1, 2, 3), [1, 2, 3]),
        ((1, 2, 4, 5), (1, 2, 3, 4, 5, 6), [1, 2, 4, 5, 3, 6]),  # a cap refused the third one
        ((1, 3, 2, 4), (1, 2, 3, 4), [1, 3, 2, 4]),
        ((2, 9), (1, 2, 3), [2, 1, 3]),
    ],
)
def test_requests_are_taken_in_as_an_earlier_worker_did(
    told: tuple[int, ...], asked: tuple[int, ...], taken: list[int]
) -> None:
    state = RunState()
    state.generation = Generation(plan=Any, batches=dict.fromkeys(told))  # type: ignore[arg-type]
    plan = GenerationPlan(scenario=find_scenario("support"), count=4)
    work = Making(plan, None, None, state, print)  # type: ignore[arg-type]
    work._asked.extend(_Asked(number, (), None) for number in asked)  # type: ignore[arg-type]
    found: list[int] = []
    while work._asked:
        found.append(work._next().number)
        work._in.add(found[-1])
    assert found == taken
