"""Scenarios: those of the package can be used as they are, those of others are looked at."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import CheckSettings, ConstraintSettings
from promptopt.evaluation.checks.options import build_checks
from promptopt.evaluation.checks.rules import build_rules
from promptopt.synthetic.scenarios import Scenario, find_scenario, read_scenario, scenarios

NAMES = {scenario.name for scenario in scenarios()}


def test_the_four_scenarios_and_their_parts_are_there() -> None:
    four = {"customer_support", "internal_communication", "content_creation", "technical_documentation"}
    assert four | {"internal_email", "internal_meeting", "internal_report"} == NAMES


@pytest.mark.parametrize("scenario", scenarios(), ids=lambda scenario: scenario.name)
def test_a_scenario_can_be_judged_without_a_model_and_has_edge_cases(scenario: Scenario) -> None:
    rules = build_rules([ConstraintSettings.model_validate(rule) for rule in scenario.constraints])
    plain = scenario.checks_for(judged=False)
    tables = [(CheckSettings.model_validate(check), "checks") for check in plain]
    assert len(rules) >= 3 and build_checks(tables, Path())
    assert not any(check["type"] == "judge" for check in plain)
    assert sum(check["type"] == "judge" for check in scenario.checks_for(judged=True)) == 1
    assert any(facet.edge for facet in scenario.situations)
    assert scenario.labels or scenario.facts


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("customer_support", "customer_support"),
        ("Customer Support", "customer_support"),
        ("support", "customer_support"),
        ("internal-email", "internal_email"),
        ("E-Mail", "internal_email"),
        ("docs", "technical_documentation"),
    ],
)
def test_a_scenario_is_found_by_any_of_its_names(said: str, meant: str) -> None:
    assert find_scenario(said).name == meant


def test_an_unknown_name_is_answered_with_the_nearest_one() -> None:
    with pytest.raises(SettingsError, match="did you mean 'customer_support'"):
        find_scenario("custmer_suport")


def test_a_part_has_its_own_rules_and_situations() -> None:
    whole, email = find_scenario("internal_communication"), find_scenario("internal_email")
    assert email.situations and set(email.situations) < set(whole.situations)
    assert "Subject:" in email.description and email.facts == whole.facts and not email.parts


def own(**more: Any) -> dict[str, Any]:
    facet = [{"name": "one"}, {"name": "two"}]
    table = {"name": "mine", "description": "Name the colour.", "prompt": "The colour of {input}?"}
    return {**table, "personas": facet, "difficulties": facet, "situations": facet, **more}


def test_a_scenario_of_ones_own_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(tomli_w.dumps(own()))
    assert find_scenario(str(path)).name == "mine"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"persona": []}, "there is no key 'persona' in a scenario.*did you mean 'personas'"),
        ({"prompt": "The colour?"}, "no {input}"),
        ({"personas": []}, "personas"),
        ({"personas": [{"name": "a"}, {"name": "A"}]}, "twice"),
        ({"checks": [{"type": "nothing"}]}, r"checks\[0\]"),
        ({"constraints": [{"name": "a", "regex": "("}]}, r"constraints\[0\]"),
        ({"parts": [{"name": "p", "part": "x", "description": "d", "prompt": "{input}"}]}, "no situation"),
    ],
)
def test_what_is_wrong_with_a_scenario_is_told(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=f"(?s){said}"):
        read_scenario(own(**wrong), "mine.toml")


def test_some_values_of_a_dimension_can_be_chosen() -> None:
    chosen = find_scenario("support").choosing(personas=["new customer"], difficulties=["hard"])
    assert [facet.name for facet in chosen.personas] == ["new customer"] and len(chosen.situations) > 5
    with pytest.raises(SettingsError, match="did you mean 'hard'"):
        chosen.choosing(difficulties=["hrad"])
