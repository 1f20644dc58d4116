"""How prompts, evaluations, comparisons, differences and lists of runs show themselves in a cell."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import promptopt
from promptopt.domain.dataset import Example
from promptopt.domain.prompt import OptimizedPrompt, Prompt
from promptopt.domain.results import CaseResult, CheckResult, Comparison, Evaluation, Interval
from promptopt.evaluation.statistics import compare
from promptopt.notebook import representing, showing
from promptopt.notebook.differences import LONGEST, changes
from promptopt.notebook.starting import Listing
from promptopt.store.runs import RunRow
from tests.notebook.test_live_view import HOSTILE, MOST_BYTES, Tags

SCORE = Interval(mean=0.5, low=0.25, high=0.75, n=4)


def test_a_prompt() -> None:
    demo = Example(id="1", inputs={"input": HOSTILE}, expected="bug")
    found = representing.of_prompt(Prompt(text=HOSTILE, demonstrations=(demo,) * 9))
    page = Tags(found["text/html"])
    assert "script" not in page.seen and page.words.count("<script>") == 6 and "and 4 more" in page.words
    assert "\x1b" not in found["text/plain"] and "9 demonstrations" in found["text/plain"]
    assert len(representing.of_prompt(Prompt(text="<" * 10**6))["text/html"].encode()) < MOST_BYTES


def test_an_optimized_prompt_tells_what_its_run_found() -> None:
    metadata: dict[str, Any] = {
        "run_id": "261126-abcdef",
        "simulated": True,
        "validation": {"score": 0.7083, "low": 0.526, "high": 0.89},
        "comparison": {"verdict": "better", "difference": 0.2, "interval": [0.1, 0.3]},
    }
    found = representing.of_prompt(OptimizedPrompt(text="Sort.", metadata=metadata))
    words = Tags(found["text/html"]).words
    for part in ("SIMULATED", "70.8% [52.6%, 89.0%]", "▲ better", "+20.0 points [+10.0, +30.0]", "261126"):
        assert part in words
    assert "SIMULATED" in found["text/plain"]
    odd = OptimizedPrompt(text="Sort.", metadata={"validation": 3, "comparison": {"verdict": []}})
    assert "Sort." in representing.of_prompt(odd)["text/html"]


def test_an_evaluation() -> None:
    check = CheckResult(name="exact", score=0.0, passed=False, reason=HOSTILE)
    failed = [
        CaseResult(case_id=f"c{n}", output=HOSTILE, category="near miss", checks=(check,)) for n in range(30)
    ]
    passed = CaseResult(case_id="good", output="bug", score=1.0, passed=True)
    whole = Evaluation(prompt_id="ab", split="test", results=(*failed, passed), score=SCORE)
    found = representing.of_evaluation(whole)
    page = Tags(found["text/html"])
    assert "script" not in page.seen and "and 18 more" in page.words and "1 of 31 cases pass" in page.words
    assert "near miss: 30 cases" in found["text/plain"] and "SIMULATED" not in str(found)
    simulated = representing.of_evaluation(whole.model_copy(update={"simulated": True}))
    assert "⚠ SIMULATED" in simulated["text/html"] and "SIMULATED" in simulated["text/plain"]
    best = Evaluation(prompt_id="ab", split="test", results=(passed,), score=SCORE)
    assert "every case passes" in representing.of_evaluation(best)["text/html"]


def test_a_comparison() -> None:
    gap = Interval(mean=0.2, low=0.1, high=0.3, n=60)
    made = Comparison(
        difference=gap,
        p_value=0.012,
        verdict="worse",
        method="exact",
        fixed=("<b>",),
        broken=tuple(f"{n}" for n in range(20)),
    )
    found = representing.of_comparison(made)
    words = Tags(found["text/html"]).words
    assert "▼ worse" in words and "<b>" in words and "and 8 more" in words and "60 cases" in words
    assert "1 fixed, 20 broken of 60 cases" in found["text/plain"] and "SIMULATED" not in str(found)
    assert "⚠ SIMULATED" in representing.of_comparison(simulated_one())["text/html"]


def simulated_one() -> Comparison:
    """Of two evaluations of which one was simulated."""
    results = tuple(CaseResult(case_id=f"{n}", passed=True, score=1.0) for n in range(4))
    one = Evaluation(prompt_id="a", split="test", results=results, score=SCORE)
    assert "simulated" not in one.model_dump()
    return compare(one, one.model_copy(update={"simulated": True}))


def test_a_list_of_runs() -> None:
    row = RunRow(
        id="261126-abcdef",
        project=HOSTILE,
        project_dir="",
        optimizer="refine",
        kind="optimize",
        status="paused",
        simulated=True,
        created_at=1.8e9,
        iteration=3,
        seed_score=0.5,
        best_score=None,
        usd=None,
        calls=1234,
        detail="",
        dataset_id="",
        pid=None,
        heartbeat_at=None,
        active_seconds=1.0,
    )
    found = Listing((row,))._repr_mimebundle_()
    page = Tags(found["text/html"])
    for part in ("‖ paused", "SIMULATED", "1,234", "unknown", "<script>"):
        assert part in page.words
    assert "no run yet" in Listing(())._repr_mimebundle_()["text/html"]


def test_two_prompts_against_each_other() -> None:
    made = promptopt.diff(Prompt(text="Say one word."), "Say one <b>short</b> word.")
    html = made._repr_mimebundle_()["text/html"]
    assert "&lt;b&gt;short&lt;/b&gt;" in html and '<ins title="added">' in html
    assert repr(made) == "Say one {+<b>short</b> +}word."
    assert repr(promptopt.diff("a", "a")) == "no difference"
    assert "no difference" in promptopt.diff("a", "a")._repr_mimebundle_()["text/html"]


@given(st.text("ab \n<é", max_size=400), st.text("ab \n<é", max_size=400))
def test_a_difference_leaves_out_only_what_it_says(first: str, second: str) -> None:
    shown = changes(first * 3, second * 3)
    assert all(text for _, text in shown)
    if all(mark != "…" for mark, _ in shown):
        assert "".join(text for mark, text in shown if mark != "+") == first * 3
        assert "".join(text for mark, text in shown if mark != "-") == second * 3


def test_a_long_difference_is_cut() -> None:
    shown = changes("", "word " * 10_000)
    assert sum(len(text) for mark, text in shown if mark != "…") <= LONGEST
    assert shown[-1] == ("…", "… 46,000 characters more")
    folded = changes("x " * 3000 + "end", "x " * 3000 + "fin")
    assert folded[0][0] == "…" and ("-", "end") in folded and ("+", "fin") in folded


def test_a_notebook_that_imports_the_package_shows_its_types(monkeypatch: pytest.MonkeyPatch) -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    made = formatters.DisplayFormatter()
    shell = SimpleNamespace(display_formatter=made)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    showing.introduce()
    data, _ = made.format(OptimizedPrompt(text="Sort <it>."))
    assert "Sort &lt;it&gt;." in data["text/html"] and "Sort <it>." in data["text/plain"]
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    showing.introduce()  # a script that has imported IPython
