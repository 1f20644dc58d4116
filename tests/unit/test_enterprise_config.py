"""A business's configuration: read as it stands, refused with the line to mend, and turned into rules."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt import BusinessContext, TaskSpec
from promptopt.domain.errors import SettingsError
from promptopt.enterprise import EnterpriseConfig, packs
from promptopt.examples import companies, company_path
from promptopt.store.textfiles import parse_yaml
from promptopt.store.yamltext import dump_yaml, lines_of
from tests.unit.command_line import CommandLine

FILE = Path(__file__).parents[1] / "enterprise_config.yaml"

MAIL = "Subject: Rooms\n\nHi Anna,\n\nthe rooms are ready. Please have a look.\n\nKind regards,\nBen\nAcme"


def write(tmp_path: Path, text: str, name: str = "company.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_it_is_read_as_it_stands() -> None:
    config = EnterpriseConfig.load(FILE)
    assert config.organization.name == "Acme Corp" and config.organization.compliance == ("SOC2", "GDPR")
    assert config.scenarios == ("customer_support", "internal_email")
    assert [config.scenario(name).synthetic_data_count for name in config.scenarios] == [200, 150]
    limits = config.budget_limits
    assert (limits.poc_budget, limits.monthly_optimization_budget, limits.emergency_budget) == (
        500,
        200,
        1000,
    )
    assert config.deployment.target_teams == ("support", "sales", "marketing")
    assert config.deployment.rollout_strategy == "gradual"
    assert config.deployment.success_metrics == ("quality_score", "consistency", "cost_savings")


def test_constraints_become_rules_words_and_promises() -> None:
    config = EnterpriseConfig.load(FILE)
    support, mail = (config.context(name) for name in config.scenarios)
    assert support.company == "Acme Corp" and support.compliance == ("SOC2", "GDPR")
    assert support.tone.startswith("professional and friendly") and not support.constraints()
    assert "within 24 hours" in support.policies["max_response_time"]
    assert support.text().count("Policy: ") == 2
    assert "24 hours" not in support.judge_check()["rubric"]  # no output can show that
    assert mail.max_words == 199 and mail.tone.startswith("business casual")
    found = mail.applied_to(TaskSpec(description="x")).validate_response(MAIL).constraint_results
    assert len(found) == 4 and all(one.passed for one in found.values())
    assert sum(one.weight for one in found.values()) == pytest.approx(2)
    kinds = [one.kind for name in config.scenarios for one in config.applied(name)]
    assert kinds == ["judged", "recorded", "recorded", "judged", "checked", "checked"]
    assert config.context() == config.organization.context() and not config.context().tone


@pytest.mark.parametrize(
    ("line", "found", "becomes", "said"),
    [
        (11, "tone:", "tones:", "there is no constraint 'tones'; did you mean tone?"),
        (11, '"professional_friendly"', "profesional_friendly", "did you mean professional_friendly?"),
        (12, '"< 24 hours"', "soon", "found 'soon', expected a time such as"),
        (13, '"no_customer_data_retention"', "5", "found 5, expected one of no_customer_data_retention"),
        (20, '"< 200 words"', '"< 200 lines"', "expected a length such as"),
        (20, '"< 200 words"', '"< 1 word"', "that leaves no output"),
        (21, "standard_email_template", "standard_mail_template", "did you mean standard_email_template?"),
        (14, "count: 200", "count: many", "expected a whole number"),
        (14, "synthetic_data_count", "synthetic_count", "unknown key"),
        (17, "enabled", "enbled", "did you mean enabled?"),
        (25, "500.0", "-5", "a number of at least 0"),
        (25, "500.0", "true", "expected a number"),
        (27, "emergency_budget", "emergncy_budget", "did you mean emergency_budget?"),
        (31, '"gradual"', "slowly", "expected 'gradual', 'pilot' or 'all_at_once'"),
        (24, "budget_limits:", "budgets:", "budgets: unknown key"),
        (2, "organization:", "organization:\n  nam: x\norganisation:", "organization.name: missing"),
        (4, "industry", "industri", "did you mean industry?"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    line: int, found: str, becomes: str, said: str, tmp_path: Path
) -> None:
    lines = FILE.read_text(encoding="utf-8").splitlines()
    assert found in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(found, becomes)
    path = write(tmp_path, "\n".join(lines))
    with pytest.raises(SettingsError) as error:
        EnterpriseConfig.load(path)
    assert said in error.value.what and f"line {line}" in str(error.value), error.value
    assert str(path) in error.value.where


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = (
        FILE.read_text(encoding="utf-8").replace('"< 200 words"', "long").replace("poc_budget", "poc_bugdet")
    )
    with pytest.raises(SettingsError, match=r"2 keys can't be used:\n  line 20: .*\n  line 25: "):
        EnterpriseConfig.load(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b\n", "this is no company file"),
        ("company: A\nmax_words: no\n", "company.yaml, line 2"),
        ("company: A\nfobidden_words: [x]\n", "did you mean forbidden_words"),
        ("name: A\n", "did you mean company"),
        ("company: A\nrules:\n  - name: x\n    code: assert 1\n", "can't be code"),
        ("company: A\nrules:\n  - name: x\n    regex: '('\n", "rules"),
        ("company: A\napi_key: abc\n", "holds a key or another secret"),
        ("company: [\n", "YAML syntax error"),
    ],
)
def test_a_plain_company_file_is_refused_as_clearly(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as error:
        BusinessContext.load(write(tmp_path, text))
    assert said in str(error.value)


def test_a_plain_company_file_holds_for_every_scenario(tmp_path: Path) -> None:
    path = write(tmp_path, "company: A\nmotto: yes\nvalues: calm\nmax_words: 5\n")
    context = BusinessContext.load(path, "customer_support")
    assert context == BusinessContext.load(path) and context.values == ("calm",)
    assert "Motto: yes" in context.text()
    as_json = write(tmp_path, json.dumps({"company": "A", "max_words": 5}), "company.json")
    as_toml = write(tmp_path, 'company = "A"\nmax_words = 5\n', "company.toml")
    assert BusinessContext.load(as_json) == BusinessContext.load(as_toml)
    with pytest.raises(SettingsError, match="did you mean customer_support"):
        BusinessContext.load(FILE, "custmer_support")


def test_what_holds_for_all_and_what_a_scenario_adds(tmp_path: Path) -> None:
    config = EnterpriseConfig.of(
        {
            "organization": {"name": "A", "tone": "calm", "forbidden_words": ["cheap"], "rules": [
                {"name": "no link", "not_regex": "http"}]},
            "business_scenarios": {"own": {"constraints": {
                "forbidden_words": ["buy now"], "format": "plain_text", "tone": "formal"}}},
        }
    )  # fmt: skip
    context = config.context("own")
    assert context.forbidden_words == ("cheap", "buy now") and context.tone.startswith("formal")
    assert [rule.name for rule in context.rules] == ["no link", "plain text"]
    assert config.context().tone == "calm"
    with pytest.raises(SettingsError, match="given twice"):
        EnterpriseConfig.of(
            {
                "organization": {"name": "A"},
                "business_scenarios": {"o": {"constraints": [{"tone": "formal"}, {"tone": "formal"}]}},
            }
        )
    with pytest.raises(SettingsError, match="have the name"):
        EnterpriseConfig.of(
            {
                "organization": {
                    "name": "A",
                    "max_words": 9,
                    "rules": [{"name": "at most 9 words", "max_words": 9}],
                }
            }
        ).context()


def test_a_company_comes_with_the_package(cli: CommandLine, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    for name in companies():
        config = EnterpriseConfig.load(company_path(name))
        assert config.organization.context().example and "made up" not in config.context().text()
        assert EnterpriseConfig.load(f"examples/{name}.yaml") == EnterpriseConfig.load(name) == config
        assert f"examples/{name}.yaml" in cli("new", "--example", "list").err
    own = EnterpriseConfig.load(FILE).model_dump()
    shipped = EnterpriseConfig.load("examples/acme.yaml").model_dump()
    assert own["organization"].items() <= shipped.pop("organization").items()
    assert shipped == {key: value for key, value in own.items() if key != "organization"}
    with pytest.raises(SettingsError, match=r"examples/acme\.yaml"):
        EnterpriseConfig.load("examples/acmee.yaml")
    write(tmp_path, "company: Mine\n", "acme")
    assert BusinessContext.load("acme").company == "Mine"


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        ("< 200 words", {"max_words": 199}),
        ("<= 200 words", {"max_words": 200}),
        ("200 words", {"max_words": 200}),
        ("Under 1,000 characters", {"max_chars": 999}),
        ("at least 20 words", {"min_words": 20}),
        ("> 20 words", {"min_words": 21}),
        ("50-120 words", {"min_words": 50, "max_words": 120}),
        ("50 to 120 words", {"min_words": 50, "max_words": 120}),
        ("120-50 words", None),
        ("> 20 characters", None),
        ("words", None),
        ("0 words", None),
    ],
)
def test_lengths(said: str, fields: dict[str, Any] | None) -> None:
    if fields is None:
        with pytest.raises(packs.Unfit, match="expected a length such as"):
            packs.read("length", said)
    else:
        assert packs.read("length", said) == fields


def keeps(name: str, output: str) -> list[bool]:
    found: list[bool] = []
    for rule in packs.read("format", name)["rules"]:
        pattern = rule.get("regex") or rule["not_regex"]
        found.append(bool(re.search(pattern, output)) is ("regex" in rule))
    return found


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        (MAIL, [True, True, True]),
        ("Dear Ms Lee,\n\nall is well.\n\nBest,\nAnn", [True, True, True]),
        ("Sehr geehrte Frau Lee,\n\nalles ist gut.\n\nMit freundlichen Grüßen\nAnn", [True, True, True]),
        ("Bonjour,\nTout va bien.\nCordialement,\nAnn", [True, True, True]),
        ("Hello team, all is well. Regards, Ann", [True, False, False]),
        ("Hi Anna,\n\nKind regards,\nBen", [True, False, True]),
        ("All is well.\n\nKind regards,\nBen", [False, False, True]),
        ("Hi Anna,\n\nThank you for your order.\nIt ships today.", [True, True, False]),
        ("Hi Anna,\n\nit ships today.\n\nThanks in advance!\nBen", [True, True, True]),
        ("Hi Anna,\n\nit ships.\n\nKind regards from Berlin,\nBen", [True, True, True]),
        ("Subject: Hello\n\nIt ships.\n\nRegards\nBen", [False, False, True]),
        ("History of rooms\nis long.\nRegards", [False, False, True]),
        ("Kind regards,\n" + "and so on\n" * 9, [False, False, False]),
        ("", [False, False, False]),
    ],
)
def test_the_parts_of_an_email(output: str, kept: list[bool]) -> None:
    assert keeps("standard_email_template", output) == kept


@pytest.mark.parametrize(
    ("name", "output", "kept"),
    [
        ("plain_text", "Two * three is six. See (this).\n- a dash", True),
        ("plain_text", "# Heading\ntext", False),
        ("plain_text", "this is **bold**", False),
        ("plain_text", "see [here](https://x.org)", False),
        ("bullet_points", "Steps:\n- one\n- two", True),
        ("bullet_points", "1. one\n2) two\n", True),
        ("bullet_points", "One sentence.", False),
        ("bullet_points", "- one\nand more text", False),
        ("single_paragraph", "one\ntwo\n", True),
        ("single_paragraph", "one\n \ntwo", False),
        ("single_line", "  one\n", True),
        ("single_line", "one\ntwo", False),
    ],
)
def test_other_formats(name: str, output: str, kept: bool) -> None:
    assert keeps(name, output) == [kept]


@pytest.mark.parametrize(
    "name", ["standard_email_template", "plain_text", "bullet_points", "single_paragraph"]
)
@pytest.mark.parametrize(
    "unit", ["\n", " ", "a\n", "- ", "Kind regards,\n", "**", "hi \n", "|a", "Hi\n\n \n"]
)
def test_no_output_keeps_a_pattern_busy(name: str, unit: str) -> None:
    """What takes seconds in a sandbox would count as broken: 20,000 characters are judged at once."""
    keeps(name, unit * (20_000 // len(unit)))


@pytest.mark.parametrize(
    ("key", "value"),
    [("max_response_time", "2 business days"), ("tone", "as a ship's captain"), ("language", "French"),
     ("max_words", 3), ("required_phrases", "Kind regards")],
)  # fmt: skip
def test_further_constraints(key: str, value: Any) -> None:
    assert BusinessContext.of(packs.read(key, value)).text()


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1).filter(str.strip)


@given(
    st.dictionaries(
        texts,
        st.recursive(
            texts | st.booleans() | st.integers() | st.none(),
            lambda of: st.lists(of) | st.dictionaries(texts, of),
            max_leaves=8,
        ),
    )
)
def test_yaml_is_read_back_as_it_was(table: dict[str, Any]) -> None:
    if table:
        assert parse_yaml(dump_yaml(table), Path("x")) == table


@given(
    company=texts | st.sampled_from(["1e5", "no", "~", "12:30", "- x", "a: b", "#", "'", "<<"]),
    words=st.lists(texts, max_size=3),
    most=st.none() | st.integers(1, 10_000),
    strict=st.booleans(),
)
def test_a_context_that_is_saved_comes_back(
    company: str, words: list[str], most: int | None, strict: bool, tmp_path_factory: Any
) -> None:
    rules = [{"name": "x", "regex": "a+", "hard": True}] if strict else []
    made = BusinessContext.of(
        {
            "company": company,
            "values": words,
            "max_words": most,
            "strict": strict,
            "rules": rules,
            "my own": company,
        }
    )
    path = made.save(tmp_path_factory.mktemp("saved") / "company.yaml")
    assert BusinessContext.load(path) == made


def test_a_context_that_cant_be_saved(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be written"):
        BusinessContext.of({"company": "A"}).save(tmp_path)


def test_lines_of_keys() -> None:
    lines = lines_of("a:\n  - b: 1\n  - c: &x\n      d: 2\ne: *x\n")
    assert lines["a", 1, "c"] == 3 and lines["a", 1, "c", "d"] == 4 and lines["e",] == 5
