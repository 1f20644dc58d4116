"""Compliance by name: profiles, and a look at cases and prompts that tells places and never a value."""

from pathlib import Path

import pytest

from promptopt.data import SyntheticDataGenerator
from promptopt.domain.compliance import ComplianceSettings, profile_named
from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.enterprise import BusinessContext, ComplianceChecker, ComplianceProfile, EnterpriseConfig
from promptopt.enterprise.compliance import terms
from promptopt.enterprise.poc.concluding import concluded
from promptopt.enterprise.poc.forecasting import estimate_of
from promptopt.enterprise.poc.planning import Wanted, create, plan_for
from promptopt.enterprise.poc.settings import generation_of, project_of
from promptopt.enterprise.poc.writing import record_of, summary_of
from promptopt.store.database import Database

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


NORMS = ["SOC 2 Type II", "DSGVO", "HIPAA"]


def config(norms: list[str]) -> EnterpriseConfig:
    return EnterpriseConfig.of({"organization": {"name": "Acme", "compliance": norms}})


@pytest.mark.parametrize(
    ("name", "profile"),
    [("GDPR", "gdpr"), ("dsgvo", "gdpr"), ("EU-GDPR", "gdpr"), ("SOC 2 (Type II)", "soc2"), ("soc_2", "soc2"),
     ("HIPAA", ""), ("PCI DSS", ""), ("", ""), ("gdpr-like", "")],
)  # fmt: skip
def test_a_norm_means_a_profile_however_it_is_written(name: str, profile: str) -> None:
    assert profile_named(name) == profile


def test_what_asks_less_than_a_norm_gives_way_and_what_asks_more_stays() -> None:
    said = ComplianceSettings(pii="allow", secrets="redact", audit=False, retention_days=700, names=["Bo"])
    held = said.with_norms(["GDPR", " ", "HIPAA", "HIPAA"])
    policy = held.policy()
    assert (policy.pii, policy.secrets, policy.audit, policy.retention_days) == ("redact", "block", True, 90)
    assert (held.profile, held.recorded, held.names) == (["gdpr"], ["HIPAA"], ["Bo"])
    strict = ComplianceSettings(pii="block", retention_days=7).with_norms(["GDPR"]).policy()
    assert (strict.pii, strict.retention_days) == ("block", 7)
    assert said.with_norms([]) == said


def test_norms_of_a_configuration_hold_for_every_stage_and_the_others_are_named(tmp_path: Path) -> None:
    plan = plan_for(Wanted("customer_support", config=config(NORMS)))
    for settings in (project_of(plan), generation_of(plan, {})):
        policy = settings.compliance.policy()
        assert set(policy.profiles) == {"gdpr", "soc2"} and policy.recorded == ("HIPAA",)
        assert (policy.pii, policy.audit, policy.retention_days) == ("redact", True, 90)
    database = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    row, _ = create(database, plan, tmp_path)
    told = concluded(database, row)
    summary, record = summary_of(told), record_of(told)
    assert "Held to SOC2, GDPR" in summary and "removed after 90 days" in summary
    assert "compliance, HIPAA: told to the models as a note; no profile covers it" in summary
    assert record["compliance"]["recorded"] == ["HIPAA"]
    assert any("HIPAA" in note for note in estimate_of(plan, None).notes)


def test_who_says_less_than_the_organization_in_a_plan_is_held_to_the_organization() -> None:
    plan = plan_for(
        Wanted("customer_support", config=config(["GDPR"]), more={"compliance": {"pii": "allow"}})
    )
    assert plan.compliance.policy().pii == "redact"
    assert plan_for(Wanted("customer_support")).compliance == ComplianceSettings()


def test_made_up_cases_are_held_to_the_norms_of_the_context() -> None:
    generator = SyntheticDataGenerator(simulate=True)
    context = BusinessContext(company="Acme", compliance=("GDPR", "HIPAA"))
    for given in (context, {"company": "Acme", "compliance": ["GDPR", "HIPAA"]}):
        held = generator.plan("customer_support", given, 5).compliance
        assert (held.profile, held.recorded) == (["gdpr"], ["HIPAA"])
    assert generator.plan("customer_support", "a text on GDPR", 5).compliance == ComplianceSettings()
    assert terms(held)[1].startswith("HIPAA: told to the models")
