"""``promptopt.data``: what is asked for becomes the settings of a run, and what is wrong is told."""

from typing import Any

import pytest

import promptopt
from promptopt.data import (
    DataValidator,
    EnterpriseDataGenerator,
    SyntheticDataGenerator,
    company_text,
    validate,
)
from promptopt.domain.errors import ModelError, SettingsError
from promptopt.domain.pii.looking import looker
from promptopt.runs.generating import generation_plan_of


def test_the_names_are_at_the_top_too() -> None:
    assert promptopt.SyntheticDataGenerator is SyntheticDataGenerator
    assert promptopt.EnterpriseDataGenerator is EnterpriseDataGenerator


def test_a_plan_has_scenario_company_models_and_budget() -> None:
    generator = SyntheticDataGenerator(
        {"generator": "sim/generator", "judge": "sim/judge"}, budget=2.5, seed=3
    )
    settings = generator.plan("support", {"company": "Acme", "products": ["A", "B"]}, 12, difficulties="hard")
    plan = generation_plan_of(settings)
    assert (plan.count, plan.seed, plan.realism, settings.budget.usd) == (12, 3, True, 2.5)
    assert "Company: Acme" in plan.company and "Products: A, B" in plan.company
    assert [facet.name for facet in plan.scenario.difficulties] == ["hard"]
    assert settings.models["generator"].max_tokens == plan.reply_tokens


def test_a_companys_products_are_no_names_of_persons_for_its_run() -> None:
    products = ["Acme Desk", "Maya", "Desk for jo@acme.com", "12 Baker Street"]
    generator = SyntheticDataGenerator(
        "sim/generator", compliance={"profile": ["gdpr"], "public": ["@acme.com"]}
    )
    policy = generator.plan("support", {"products": products, "compliance": "GDPR"}).compliance.policy()
    text = "This is Acme Desk. Customer: Jane Doe"
    assert policy.public == ("@acme.com", "acme desk") and policy.profiles == ("gdpr",)
    assert [text[each.start : each.end] for each in looker(policy, ["name"])(text)] == ["Jane Doe"]


@pytest.mark.parametrize(
    ("count", "options", "said"),
    [
        (0, {}, "0 cases"),
        (5, {"colour": "red"}, "no option 'colour'"),
        (5, {"personas": "nobody"}, "no 'nobody' among its personas"),
    ],
)
def test_what_cannot_be_made_is_refused(count: int, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        SyntheticDataGenerator("sim/generator").plan("support", None, count, **options)


def test_without_a_key_it_says_how_to_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ModelError, match="simulate=True"):
        SyntheticDataGenerator().plan("support")


def test_there_is_no_other_role() -> None:
    with pytest.raises(SettingsError, match="no role 'optimizer'"):
        SyntheticDataGenerator({"generator": "sim/generator", "optimizer": "sim/optimizer"})  # type: ignore[dict-item]


class Told:
    def text(self) -> str:
        return "Company: Told"


@pytest.mark.parametrize(
    ("given", "said"),
    [(None, ""), ("  Acme ", "Acme"), (Told(), "Company: Told"), ({"company": "X"}, "Company: X")],
)
def test_a_company_is_told_by_text_mapping_or_method(given: Any, said: str) -> None:
    assert company_text(given) == said


def test_a_quote_sends_nothing_and_is_dearer_with_a_judge() -> None:
    price = {"input": 1.0, "output": 2.0}
    one = SyntheticDataGenerator({"model": "openai/x", "price": price, "api_key_env": "HOME"}).quote(
        "email", None, 50
    )
    both = {"generator": {"model": "openai/x", "price": price, "api_key_env": "HOME"}, "judge": "sim/judge"}
    two = SyntheticDataGenerator(both).quote("email", None, 50)
    assert one.total.usd and one.total.usd.low > 0 and two.total.calls.low == one.total.calls.low + 50


def rows(count: int) -> list[dict[str, str]]:
    texts = (f"question {n} about {n * n} and {n**3} {'word' * (n % 7)}" for n in range(count))
    return [{"input": text, "expected": f"answer {n}"} for n, text in enumerate(texts)]


def test_a_good_set_is_let_through_and_a_poor_one_is_not() -> None:
    assert DataValidator().require(rows(30)).quality_score == validate(rows(30)).quality_score > 5
    with pytest.raises(SettingsError, match="empty input"):
        DataValidator().require([*rows(20), {"input": "", "expected": "x"}])
    with pytest.raises(SettingsError, match=r"expected 9\.99"):
        DataValidator(9.99).require([{"input": "the same thing again and again"}] * 12)
