"""Failures put together that fail alike."""

import json
from collections.abc import Sequence
from typing import Any, cast

from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.results import CaseResult, CheckResult, Cluster, Evaluation, Feedback
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.clusters import Evidence, cluster_failures, json_faults
from promptopt.evaluation.feedback import analyze, render_feedback
from promptopt.evaluation.statistics import interval
from promptopt.runs.context import Context
from tests.unit.voices import voice

PROPERTY = settings(derandomize=True, deadline=None, max_examples=60)


def failure(
    case_id: str, output: str, category: str = "other", reason: str = "", score: float = 0.0
) -> CaseResult:
    checks = (CheckResult(name="check", score=score, passed=False, reason=reason),)
    return CaseResult(case_id=case_id, output=output, category=category, checks=checks, score=score)


def cases_of(expected: Sequence[str | None]) -> dict[str, Example]:
    return {
        f"c{n}": Example(id=f"c{n}", inputs={"input": f"mail {n}"}, expected=text)
        for n, text in enumerate(expected)
    }


def ids(clusters: Sequence[object]) -> list[set[str]]:
    return [set(cluster.case_ids) for cluster in clusters]  # type: ignore[attr-defined]


def test_json_failures_go_by_the_path_whatever_the_values():
    wanted = [json.dumps({"items": [{"price": n}, {"price": n + 1}], "city": "Ulm"}) for n in range(6)]
    got = [json.dumps({"items": [{"price": n}, {"price": n + 9}], "city": "Ulm"}) for n in range(4)]
    got += [json.dumps({"items": [{"price": n}, {"price": n + 1}]}) for n in (4, 5)]
    cases = cases_of(wanted)
    results = [failure(f"c{n}", text, "wrong reasoning") for n, text in enumerate(got)]
    assert json_faults(results[0], cases["c0"]) == ["items[*].price"]
    first, second = cluster_failures(results, cases)
    assert (first.detail, set(first.case_ids)) == ('"items[*].price"', {"c0", "c1", "c2", "c3"})
    assert (second.detail, set(second.case_ids)) == ('"city is missing"', {"c4", "c5"})


def test_confusions_of_labels_are_kinds_of_their_own():
    cases = cases_of(["billing"] * 3 + ["sales"])
    outputs = ["tax", "tax", "sales", "tax"]
    results = [failure(f"c{n}", text, "wrong reasoning") for n, text in enumerate(outputs)]
    found = cluster_failures(results, cases)
    assert found[0].detail == '"tax" where "billing" is right' and set(found[0].case_ids) == {"c0", "c1"}
    assert len(found) == 3


def test_texts_of_one_fault_are_parted_by_their_likeness():
    talk = "I am sorry, but the delivery department can not be reached at the moment, says item {}"
    table = "| column one | column two | {} |"
    texts = [talk.format(n) for n in range(4)] + [table.format(n) for n in range(3)]
    results = [failure(f"c{n}", text) for n, text in enumerate(texts)]
    found = cluster_failures(results, cases_of([None] * 7))
    assert sorted(map(sorted, ids(found))) == [["c0", "c1", "c2", "c3"], ["c4", "c5", "c6"]]


def test_what_others_pass_comes_before_what_nobody_passes():
    cases = cases_of(["a", "a", "b"])
    results = [failure(f"c{n}", text, "wrong reasoning") for n, text in enumerate(["x", "x", "y"])]
    assert cluster_failures(results, cases)[0].case_ids == ("c0", "c1")
    first, second = cluster_failures(results, cases, Evidence(solved={"c2"}))
    assert first.case_ids == ("c2",)
    assert (first.worth, second.worth) == (1.0, 2 * 0.2)


def test_what_was_tried_in_vain_moves_back():
    cases = cases_of(["a", "a", "b"])
    results = [failure(f"c{n}", text, "wrong reasoning") for n, text in enumerate(["x", "x", "y"])]
    key = cluster_failures(results, cases)[0].key
    assert cluster_failures(results, cases, Evidence(vain={key: 2}))[0].case_ids == ("c2",)


def test_failed_calls_are_worth_little_to_a_wording():
    results = [CaseResult(case_id=f"c{n}", error="timed out", category="error") for n in range(4)]
    results.append(failure("c4", "x", "wrong reasoning"))
    assert [cluster.category for cluster in cluster_failures(results, cases_of(["a"] * 5))] == [
        "wrong reasoning", "error"
    ]  # fmt: skip


def test_a_cause_that_a_model_named_makes_the_kind():
    cases = cases_of(["one two three four five six"] * 2)
    results = [failure(f"c{n}", "something else entirely, at length", "wrong reasoning") for n in range(2)]
    causes = {"c0": ("hallucination", 'it says "x"'), "c1": ("hallucination", 'it says "x"')}
    (cluster,) = cluster_failures(results, cases, Evidence(causes=causes))
    assert cluster.key == 'hallucination: "it says \\"x\\""'


@given(
    st.lists(
        st.tuples(st.text(max_size=60), st.sampled_from(["other", "near miss"]), st.floats(0, 1)), max_size=25
    ),
    st.integers(0, 25),
)
@PROPERTY
def test_clustering_is_a_partition_in_the_order_of_worth(rows: list[tuple[str, str, float]], known: int):
    results = [failure(f"c{n}", text, kind, score=score) for n, (text, kind, score) in enumerate(rows)]
    found = cluster_failures(results, cases_of(["wanted"] * min(known, len(rows))))
    assert sorted(case_id for cluster in found for case_id in cluster.case_ids) == sorted(
        result.case_id for result in results
    )
    assert all(cluster.case_ids and cluster.worth >= 0 and 0 <= cluster.loss <= 1 for cluster in found)
    by_id = {result.case_id: result for result in results}
    assert all(len({by_id[each].category for each in cluster.case_ids}) == 1 for cluster in found)
    assert found == cluster_failures(results, cases_of(["wanted"] * min(known, len(rows))))


# --- in the text for the optimizer ---


def evaluated(results: Sequence[CaseResult]) -> Evaluation:
    score = interval([result.score for result in results])
    return Evaluation(prompt_id="p", split="train", results=tuple(results), score=score)


def test_tags_are_broken_down_the_weakest_first():
    lengths = ["long"] * 4 + ["short"] * 4
    cases = {
        f"c{n}": Example(id=f"c{n}", inputs={"input": "x"}, expected="a", tags=(length, "all"))
        for n, length in enumerate(lengths)
    }
    right = CaseResult(case_id="", output="a", score=1, passed=True)
    failed = {n: failure(f"c{n}", "b") for n in (0, 1, 2, 5)}
    found = evaluated([failed.get(n, right.model_copy(update={"case_id": f"c{n}"})) for n in range(8)])
    feedback = analyze(found, cases)
    assert list(feedback.tags.items()) == [("long", (1, 4)), ("all", (4, 8)), ("short", (3, 4))]
    assert 'by tag, the weakest first: "long" 1 of 4' in render_feedback(feedback, cases, found)


def test_long_texts_and_json_show_what_differs():
    text = (
        "The order was sent on Monday by the usual carrier and will reach the customer within three days. "
        * 3
    )
    cases = cases_of([text, '{"a": {"b": [1, 2]}}'])
    found = evaluated(
        [failure("c0", text.replace("Monday", "Friday", 1)), failure("c1", '{"a": {"b": [1, 3]}}')]
    )
    told = render_feedback(analyze(found, cases), cases, found)
    assert "was sent on [-Monday-]{+Friday+} by the usual …" in told
    assert "a.b[1]: expected 2, got 3" in told


def test_the_worthiest_are_contrasted_with_the_passing_case_of_the_nearest_input():
    texts = ["the parcel is late", "the parcel came late", "my card was charged twice", "you charged my card"]
    cases = {f"c{n}": Example(id=f"c{n}", inputs={"input": text}) for n, text in enumerate(texts)}
    results = [failure("c0", "x", "refusal"), failure("c2", "y", "other")]
    results += [CaseResult(case_id=name, output="z", score=1.0, passed=True) for name in ("c1", "c3")]
    score = interval([result.score for result in results])
    evaluation = Evaluation(prompt_id="p", split="train", results=tuple(results), score=score)
    found = {c.case_ids[0]: c.contrast_id for c in analyze(evaluation, cases).clusters}
    assert found == {"c0": "c1", "c2": "c3"}
    only = evaluation.model_copy(update={"results": tuple(results[:2])})
    assert {c.contrast_id for c in analyze(only, cases).clusters} == {""}


def test_an_event_tells_few_clusters_in_few_words_whatever_there_is():
    told: list[ev.Event] = []
    project = ProjectSettings.model_validate(
        {"name": "p", "prompt": "x", "models": {"target": {"model": "sim/target"}}}
    )
    nothing, empty = cast(Any, None), Dataset(train=(), validation=())
    context = Context(
        project, TaskSpec(description=""), empty, nothing, nothing, nothing, voice(told.append), dict
    )
    clusters = tuple(
        Cluster(key="k", category="c", detail="d" * 5000, case_ids=tuple(str(n) for n in range(9000)))
        for _ in range(500)
    )
    half = interval([0.0, 1.0])
    feedback = Feedback(prompt_id="p", split="train", score=half, passed=1, total=2, clusters=clusters)
    context.feedback(feedback)
    (event,) = told
    assert isinstance(event, ev.FeedbackReady)
    assert len(event.model_dump_json()) < 3000
    assert event.clusters and {cluster.count for cluster in event.clusters} == {9000}
