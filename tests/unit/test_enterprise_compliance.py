"""Compliance by name: profiles, and a look at cases and prompts that tells places and never a value."""

import pytest

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.enterprise import ComplianceChecker, ComplianceProfile

CASES = [
    Example(id="a", inputs={"mail": "My name is Jane Miller"}, expected="jane@acme.com"),
    Example(id="b", inputs={"mail": "der Wasserkocher ist kaputt"}, expected="kaputt"),
]


@pytest.mark.parametrize("names", [("GDPR",), ("SOC2", "GDPR"), ("soc 2",), ("SOC-2",)])
def test_profiles_go_by_the_names_of_a_configuration(names: tuple[str, ...]) -> None:
    profile = ComplianceProfile(*names)
    assert profile.policy.pii == "redact" and profile.policy.audit and all(profile.about.values())


def test_a_profile_that_nobody_can_keep_is_not_offered() -> None:
    with pytest.raises(SettingsError, match="no compliance profile 'HIPAA'"):
        ComplianceProfile("GDPR", "HIPAA")


def test_cases_are_looked_through_and_no_value_is_told() -> None:
    report = ComplianceChecker("GDPR").check_dataset(CASES)
    assert not report.passed and report.counts == {"name": 1, "email": 1}
    assert [place[:3] for place in report.places] == [("a", "mail", "name"), ("a", "expected", "email")]
    told = f"{report}{report!r}"
    assert "Jane" not in told and "acme" not in told
    assert "no legal advice" in str(report) and "case a, mail: name at characters 11–22: redact" in str(
        report
    )


def test_rows_and_prompts_are_looked_through_alike() -> None:
    checker = ComplianceChecker({"pii": "block", "public": ["@acme.com"]})
    assert checker.check_dataset([{"id": 7, "input": "IBAN DE89370400440532013000"}]).places[0][0] == "7"
    assert checker.check_dataset(CASES[1:]).passed
    shown = Prompt(text="Write to help@acme.com", demonstrations=(CASES[0],))
    assert checker.check_prompt(shown).counts == {"name": 1}
    assert checker.check_prompt("Be polite.").passed
