"""Cases that people mend."""

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.mending import Mend, mended
from promptopt.domain.results import CaseResult
from promptopt.runs.mustpass import MustPass


def case(name: str, expected: str = "a", **more: bool) -> Example:
    return Example(id=name, inputs={"text": name}, expected=expected, **more)


def test_a_mended_case_expects_something_else_and_a_dropped_one_is_gone() -> None:
    dataset = Dataset(train=(case("1"), case("2")), validation=(case("2"), case("3")), test=(case("2"),))
    after = mended(dataset, [Mend(case_id="2", expected="b"), Mend(case_id="1")])
    assert [(each.id, each.expected) for each in after.train] == [("2", "b")]
    assert [(each.id, each.expected) for each in after.validation] == [("2", "b"), ("3", "a")]
    assert after.test == dataset.test
    assert mended(after, [Mend(case_id="2", expected=""), Mend(case_id="9")]).train[0].expected == ""


def test_a_case_that_must_pass_is_judged_by_what_it_expects_now() -> None:
    watch = MustPass([case("1", must_pass=True)], "seed")
    watch.note("seed", "validation", [CaseResult(case_id="1", passed=True, score=1)])
    watch.note("a", "validation", [CaseResult(case_id="1")])
    watch.accept("a")
    assert watch.broken("a")
    for prompt_id in ("seed", "a"):
        watch.forget(prompt_id, ["1"])
    watch.note("seed", "validation", [CaseResult(case_id="1")])
    watch.note("a", "validation", [CaseResult(case_id="1", passed=True, score=1)])
    assert watch.broken("a") is None and watch.broken("seed") is None
