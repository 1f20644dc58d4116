"""Rules of a business as constraints, and the texts that a prompt is given to a team with."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt import (
    BusinessContext,
    Constraint,
    EnterpriseDSPyAdapter,
    EnterpriseSequentialHybrid,
    Example,
    OptimizedPrompt,
    Prompt,
    TaskSpec,
    create_team_deployment_assets,
)
from promptopt.domain.errors import SettingsError
from promptopt.domain.markdown import fenced, inline
from promptopt.enterprise.media import slack, slack_block
from promptopt.enterprise.optimizing import optimize_for_business

KEYS = ["chatgpt_template", "email_template", "reference_card", "slack_template", "training_materials"]

ACME = BusinessContext(
    company="Acme <GmbH>",
    tone="calm",
    forbidden_words=("cheap", "buy now", "C++"),
    required_phrases=("Kind regards",),
    max_words=12,
    compliance=("no personal data",),
    region=["EU", "CH"],  # type: ignore[call-arg]
)


def breaks(context: BusinessContext, output: str) -> set[str]:
    found = context.applied_to(TaskSpec(description="x")).validate_response(output).constraint_results
    return {name.removeprefix("business: ") for name, one in found.items() if not one.passed}


@pytest.mark.parametrize(
    ("output", "broken"),
    [
        ("All is well. Kind regards", set[str]()),
        ("kind\n  REGARDS", set[str]()),
        ("All is well.", {"says Kind regards"}),
        ("That is Cheap. Kind regards", {"forbidden words"}),
        ("Cheaper than cheapness. Kind regards", set[str]()),
        ("Buy  now! Kind regards", {"forbidden words"}),
        ("We like c++. Kind regards", {"forbidden words"}),
        (f"Kind regards {'a ' * 12}", {"at most 12 words"}),
    ],
)
def test_rules_are_checked(output: str, broken: set[str]) -> None:
    assert breaks(ACME, output) == broken


def test_a_model_reads_all_of_it() -> None:
    assert ACME.text().splitlines() == [
        "Company: Acme <GmbH>",
        "Tone: calm",
        "Region: EU, CH",
        'Rule: never says "cheap", "buy now", "C++"',
        'Rule: says "Kind regards"',
        "Rule: at most 12 words",
        "Compliance: no personal data",
    ]
    task = ACME.applied_to(TaskSpec(description="Answer a customer."))
    assert task.description == f"Answer a customer.\n\n{ACME.text()}"
    assert ACME.applied_to(task).constraints == task.constraints  # each rule once
    assert BusinessContext().text() == "" and BusinessContext().constraints() == []


def test_strict_rules_are_hard_and_phrases_share_one_weight() -> None:
    strict = BusinessContext(required_phrases=("a", "b", "c", "A "), strict=True).constraints()
    assert [rule.hard for rule in strict] == [True] * 3 and sum(
        rule.weight for rule in strict
    ) == pytest.approx(1)


def test_a_table_is_taken_and_slips_are_refused() -> None:
    assert BusinessContext.of({"forbidden_words": "cheap", "values": ["x", " "]}).forbidden_words == (
        "cheap",
    )
    with pytest.raises(SettingsError, match="valid dictionary"):
        BusinessContext.of(["x"])  # type: ignore[arg-type]
    for table, said in (
        ({"forbiden_words": ["x"]}, "did you mean forbidden_words"),
        ({"max_length": 3}, "max_words or max_chars"),
        ({"max_words": 0}, "greater than or equal to 1"),
    ):
        with pytest.raises(SettingsError, match=said) as refused:
            BusinessContext.of(table)
        assert refused.value.where.startswith("business_context")


def test_a_judge_sees_what_no_rule_can_check() -> None:
    rubric = ACME.judge_check()["rubric"]
    assert "Tone: calm" in rubric and "Rule:" not in rubric
    with pytest.raises(SettingsError, match="nothing to go by"):
        BusinessContext(max_words=3).judge_check()


def asked_for(task: Any, dataset: Any = (), context: BusinessContext = ACME, **how: Any) -> dict[str, Any]:
    """What a run is asked for; it is not carried out."""
    asked: dict[str, Any] = {}

    class Stop(Exception):
        pass

    def run(task: TaskSpec, dataset: Any, **how: Any) -> OptimizedPrompt:
        asked.update(how, task=task)
        raise Stop

    judged = how.pop("judged", False)
    with pytest.raises(Stop):
        optimize_for_business(run, context, task, dataset, judged=judged, how=how)
    return asked


def test_rules_do_not_take_the_place_of_the_check_that_a_run_has_without_them() -> None:
    mine = Constraint(name="short", description="short", validator=lambda said: len(said) < 9)
    assert asked_for("Answer.")["checks"] == ["exact"]
    assert asked_for("Answer.", checks="f1")["checks"] == ["f1"]
    assert "checks" not in asked_for(TaskSpec(description="Answer.", constraints=[mine]))
    assert "checks" not in asked_for("Answer.", [{"input": "x", "checks": [{"type": "exact"}]}])
    judged = asked_for("Answer.", checks=["f1"], judged=True)["checks"]
    assert judged[0] == "f1" and judged[1]["type"] == "judge"


def test_the_prompt_to_start_from_has_the_rules() -> None:
    assert asked_for("Answer.")["prompt"] == Prompt(text=f"Answer.\n\n{ACME.text()}")
    shown = (Example(id="d", inputs={"input": "x"}, expected="y"),)
    marked = asked_for("Answer.", prompt=Prompt(text="Say it:\n{input}", demonstrations=shown))["prompt"]
    assert marked.text == f"{ACME.text()}\n\nSay it:\n{{input}}" and marked.demonstrations == shown
    assert asked_for("Answer.", context=BusinessContext())["prompt"].text == "Answer."
    with pytest.raises(SettingsError, match="no prompt to start from"):
        optimize_for_business(lambda: None, ACME, None, [], judged=False, how={})  # type: ignore[arg-type, return-value]


def test_dspys_words_and_ours_name_its_optimizers() -> None:
    assert EnterpriseDSPyAdapter("MIPROv2", {"tone": "calm"}, auto="light").name == "dspy-mipro"
    assert EnterpriseDSPyAdapter("dspy-gepa").business_context == BusinessContext()
    assert EnterpriseSequentialHybrid(["dspy-gepa", {"name": "refine", "plateau": 2}]).options.settings == {  # type: ignore[attr-defined]
        "refine": {"plateau": 2}
    }
    with pytest.raises(SettingsError, match="there is no 'refine'"):
        EnterpriseDSPyAdapter("refine")
    with pytest.raises(SettingsError, match="unknown setting"):
        EnterpriseDSPyAdapter("GEPA", {}, depth=3)


SCORE = {"score": 0.84, "low": 0.71, "high": 0.93, "n": 50, "passed": 42, "errors": 0}
GAP = {"verdict": "better", "difference": 0.2, "interval": [0.05, 0.35], "p_value": 0.01}

KEPT = {
    "rule": "business: at most 12 words",
    "split": "test",
    "kept": 48,
    "outputs": 50,
    "low": 0.86,
    "high": 0.99,
}


def optimized(text: str = "Answer {question}.", **about: Any) -> OptimizedPrompt:
    metadata: dict[str, Any] = {
        "run_id": "r1",
        "optimizer": "dspy-mipro",
        "simulated": False,
        "test": SCORE,
        "comparison": GAP,
        "task": {"description": "Answer a customer.", "columns": ["question"], "rules": []},
        "business_context": ACME.model_dump(mode="json"),
        "compliance": [KEPT],
        "failures": {"clusters": [{"category": "too verbose", "detail": "twice as long", "count": 3}]},
    }  # fmt: skip
    shown = (Example(id="d", inputs={"question": "Where is it?"}, expected="On its way. Kind regards"),)
    return OptimizedPrompt(text=text, demonstrations=shown, metadata=metadata | about)


def test_each_text_says_what_is_known() -> None:
    prompt = optimized()
    assets = create_team_deployment_assets(prompt)
    assert sorted(assets) == KEYS
    for name, text in assets.items():
        assert prompt.text in text or name == "reference_card"
        assert "84.0%, 95 % interval" in text and "42 of 50 cases pass" in text and "{question}" in text
        assert "better than it, +20.0 points" in text and "kept by 48 of 50 sealed test outputs" in text
        assert "On its way. Kind regards" in text and "no personal data" in text and "run r1" in text
        assert "imulated" not in text
    assert "3× too verbose: twice as long" in assets["training_materials"]
    assert "Acme \\<GmbH\\>" in assets["reference_card"]


def test_the_team_is_told_what_it_does_and_not_what_a_model_is_told_beside_that() -> None:
    task = {
        "description": "Answer a customer.\n\nCompany: Acme\nAbout: it makes doors",
        "columns": ["question"],
    }
    for text in create_team_deployment_assets(optimized(task=task)).values():
        assert "Answer a customer." in text and "it makes doors" not in text


def test_simulated_figures_say_so_in_every_text() -> None:
    for text in create_team_deployment_assets(optimized(simulated=True)).values():
        figures = [line for line in text.splitlines() if re.search(r"\d%", line)]
        assert len(figures) >= 2 and all("says nothing about a real one" in line for line in figures)


def test_what_is_not_known_is_not_made_up() -> None:
    for text in create_team_deployment_assets(Prompt(text="Answer.")).values():
        assert "nobody knows how well it works" in text and "%]" not in text
    unproven = optimized(test=None, comparison=None, validation=SCORE, compliance=[], failures=None)
    for text in create_team_deployment_assets(unproven).values():
        assert "which flatters it" in text and "whether it is better" in text and "kept by" not in text
    same = optimized(comparison={**GAP, "verdict": "not distinguishable"})
    assert "not distinguishable from it" in create_team_deployment_assets(same)["reference_card"]


def test_a_prompt_without_marks_is_given_as_instructions() -> None:
    long = "Answer. " * 1200
    text = create_team_deployment_assets(optimized(long))["chatgpt_template"]
    assert "into the instructions of a project" in text and f"It has {len(long)} characters" in text


HOSTILE = "```\n<!channel> & <@U1> @here\n````\n# not a heading"


def test_what_a_prompt_says_stays_inside_its_block() -> None:
    prompt = optimized(HOSTILE, task={"description": "# <!everyone> *a* @channel", "columns": ["question"]})
    assets = create_team_deployment_assets(prompt)
    assert f"`````text\n{HOSTILE}\n`````" in assets["chatgpt_template"]
    message = assets["slack_template"]
    assert "<" not in message and "@channel" not in message and message.count("```") % 2 == 0
    block = message.split("```")[1]
    assert "&lt;!channel&gt; &amp; &lt;@U1&gt;" in block and "invisible spaces" in message
    assert assets["reference_card"].startswith("# \\# \\<!everyone\\> \\*a\\*")


@given(st.text())
def test_a_fence_is_longer_than_any_in_the_text(text: str) -> None:
    fence, _, rest = fenced(text).partition("text\n")
    assert set(fence) == {"`"} and len(fence) >= 3 and fence not in text
    assert rest == f"{text}\n{fence}"


@given(st.text())
def test_a_line_stays_one_line_and_calls_nobody(text: str) -> None:
    assert "\n" not in inline(text) and not re.search(r"(?<!\\)[<*`|]", inline(text).replace("\\\\", ""))
    assert "\n" not in slack(text) and "<" not in slack(text) and ">" not in slack(text)
    assert slack_block(text).count("```") == 2
