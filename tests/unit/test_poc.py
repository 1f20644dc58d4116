"""Proofs of concept: shares of the budget, the gate, the month, optimizers that it carries, plans."""

import json
import re
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from promptopt.domain.dataset import Dataset, Example, split_cases
from promptopt.domain.errors import PromptoptError, RunError, SettingsError
from promptopt.domain.prompt import OptimizedPrompt
from promptopt.domain.results import Comparison, Interval, Verdict
from promptopt.domain.settings import ModelSettings
from promptopt.enterprise import BusinessBenchmarkSuite
from promptopt.enterprise.case.evidence import Evidence
from promptopt.enterprise.config import EnterpriseConfig
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.deployment.criteria import Wishes
from promptopt.enterprise.deployment.offers import offer_of
from promptopt.enterprise.deployment.package import package_of
from promptopt.enterprise.deployment.rollout import plan_of
from promptopt.enterprise.poc import comparing, concluding
from promptopt.enterprise.poc.cases import Gate, gate, of_own
from promptopt.enterprise.poc.concluding import concluded
from promptopt.enterprise.poc.forecasting import estimate_of
from promptopt.enterprise.poc.front import results_of
from promptopt.enterprise.poc.live import html_of
from promptopt.enterprise.poc.month import headroom, spent_this_month
from promptopt.enterprise.poc.phrasing import asking, phrased, to_put
from promptopt.enterprise.poc.plan import SPLIT, POCPlan
from promptopt.enterprise.poc.planning import Wanted, check_plan, create, plan_for, rehearsed
from promptopt.enterprise.poc.settings import project_of
from promptopt.enterprise.poc.shares import SHARES, allowance
from promptopt.enterprise.poc.spending import committed
from promptopt.enterprise.poc.state import state_of
from promptopt.enterprise.poc.steering import agree, check_month
from promptopt.enterprise.poc.wishes import ask_for
from promptopt.enterprise.poc.writing import dashboard_of, record_of, summary_of
from promptopt.runs.summary import comparison_summary
from promptopt.store.database import Database
from promptopt.store.journal import Journal
from promptopt.store.pocs import Pocs
from promptopt.store.runs import Runs
from promptopt.store.schema import pocs
from promptopt_tui.views.proof import SPENT
from tests.unit.command_line import CommandLine

PRICED = {"price": {"input": 1.0, "output": 2.0}}
REAL = {
    role: ModelSettings.model_validate({"model": "openai/gpt-x", "base_url": "http://127.0.0.1:9", **PRICED})
    for role in ("target", "optimizer", "generator", "judge")
}


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.open(f"sqlite:///{tmp_path / 'store.db'}")


def plan(**more: Any) -> POCPlan:
    known = {
        name: more.pop(name) for name in ("models", "config", "count", "own_cases", "budget") if name in more
    }
    return plan_for(Wanted(scenario="customer_support", more=more, **known))


WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda")


def cases(count: int) -> list[Example]:
    return [
        Example(
            id=f"c{n}", inputs={"input": " ".join(WORDS[(n * k) % 11] for k in range(1, 9)) + f" {n * 7919}"}
        )
        for n in range(count)
    ]


# The budget


@given(
    limit=st.floats(0.01, 10_000),
    used=st.lists(st.floats(0, 1), min_size=3, max_size=3),
    weights=st.lists(st.floats(0.01, 1), min_size=3, max_size=3),
    out=st.sets(st.sampled_from(["comparison", "consistency"])),
)
@settings(max_examples=300)
def test_whatever_stages_use_of_theirs_the_sum_crosses_no_cap(
    limit: float, used: list[float], weights: list[float], out: set[str]
) -> None:
    shares = dict(zip(SHARES, weights, strict=True))
    limits = {"usd": limit, "calls": float(int(limit))}
    spent = {"usd": 0.0, "calls": 0.0}
    for stage, part in zip(shares, used, strict=True):
        if stage in out:
            continue
        caps = allowance(limits, spent, stage, shares, out)
        assert all(cap >= 0 for cap in caps.values()) and caps["calls"].is_integer()
        for name, cap in caps.items():
            spent[name] += cap * part if name == "usd" else int(cap * part)
    assert spent["usd"] <= limit * (1 + 1e-9) and spent["calls"] <= limits["calls"]


def test_what_a_stage_leaves_goes_to_those_after_it_and_the_last_has_all() -> None:
    limits = {"usd": 100.0}
    assert allowance(limits, {}, "data")["usd"] == pytest.approx(20)
    after_a_cheap_one = allowance(limits, {"usd": 2.0}, "comparison")["usd"]
    assert after_a_cheap_one == pytest.approx(98 * 0.65 / 0.80)
    assert allowance(limits, {"usd": 60.0}, "consistency")["usd"] == pytest.approx(40)
    assert allowance(limits, {"usd": 2.0}, "comparison", out=["consistency"])["usd"] == pytest.approx(98)
    assert allowance(limits, {"usd": 130.0}, "consistency")["usd"] == 0


def test_a_run_that_may_go_on_counts_with_its_cap_and_one_that_found_cases_made_with_nothing(
    database: Database, tmp_path: Path
) -> None:
    row, _ = create(database, plan(), tmp_path)
    runs, pocs = Runs(database), Pocs(database)
    from promptopt.enterprise.poc.settings import project_of

    settings_ = project_of(plan()).model_copy(update={"budget": plan(budget={"usd": 3.0}).budget})
    stopped, free = (
        runs.create(settings_, Dataset(train=tuple(cases(1)), validation=()), tmp_path) for _ in range(2)
    )
    pocs.assign(row.id, "phrasings", "run", stopped)
    assert committed(database, row.id)["usd"] == pytest.approx(3.0)
    pocs.assign(row.id, "data", "run", free, json.dumps({"reused": True}))
    assert committed(database, row.id)["usd"] == pytest.approx(3.0)


# The month


def spend(database: Database, run: str, usd: float) -> None:
    Journal(database, run).intend(f"i-{run}", "target", usd, 10).result()


def test_the_month_is_one_for_all_of_an_organization(database: Database, tmp_path: Path) -> None:
    config = EnterpriseConfig.of(
        {
            "organization": {"name": "Acme Corp"},
            "budget_limits": {
                "poc_budget": 500,
                "monthly_optimization_budget": 200,
                "emergency_budget": 1000,
            },
        }
    )
    first = plan(models=REAL, config=config)
    row, _ = create(database, first, tmp_path)
    from promptopt.enterprise.poc.settings import project_of

    run = Runs(database).create(project_of(first), Dataset(train=tuple(cases(1)), validation=()), tmp_path)
    Pocs(database).assign(row.id, "phrasings", "run", run)
    spend(database, run, 150.0)
    Pocs(database).say(row.id, "stopped")
    assert spent_this_month(database, "ACME CORP") == pytest.approx(150)
    assert headroom(database, row, first) == pytest.approx(200), "its own spending is in it"
    second, _ = create(database, plan(models=REAL, config=config, seed=1), tmp_path)
    assert headroom(database, second, first) == pytest.approx(50), "what is left for another one"
    Pocs(database).say(second.id, "stopped")
    spend(
        database, Runs(database).create(project_of(first), Dataset(train=(), validation=()), tmp_path), 60.0
    )
    check_month(database, first)
    other = Runs(database).create(project_of(first), Dataset(train=tuple(cases(1)), validation=()), tmp_path)
    Pocs(database).assign(second.id, "phrasings", "run", other)
    spend(database, other, 60.0)
    with pytest.raises(RunError, match="used up") as refused:
        check_month(database, first)
    assert "--emergency" in refused.value.fix
    with pytest.raises(RunError, match="used up"):
        headroom(database, second, first)
    allowed = first.model_copy(update={"emergency_allowed": True})
    check_month(database, allowed)
    assert headroom(database, row, allowed) == pytest.approx(1000 - 60)
    assert agree(database, row, emergency=True).plan == allowed.frozen()


def test_what_was_spent_in_an_earlier_month_does_not_count(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from promptopt.enterprise.poc import month
    from promptopt.enterprise.poc.settings import project_of

    made = plan(models=REAL)
    row, _ = create(database, made, tmp_path)
    run = Runs(database).create(project_of(made), Dataset(train=tuple(cases(1)), validation=()), tmp_path)
    Pocs(database).assign(row.id, "phrasings", "run", run)
    spend(database, run, 10.0)
    Pocs(database).say(row.id, "stopped")
    assert spent_this_month(database, "") == pytest.approx(10)
    began = month.month_began(time.time() + 40 * 86400)
    monkeypatch.setattr(month, "month_began", lambda: began)
    assert spent_this_month(database, "") == 0


# The gate


def test_the_gate_says_why_it_refuses() -> None:
    few, quality = of_own(cases(12), "", 0)
    found = gate(plan(), few, quality, "a file", simulated=False)
    assert not found.passed and any("sealed cases" in reason for reason in found.reasons)
    enough, quality = of_own(cases(60), "", 0)
    assert len(enough.test) == 24
    assert gate(plan(lowest_quality=0.0), enough, quality, "a file", simulated=False).passed
    strict = gate(plan(lowest_quality=10.0), enough, quality, "a file", simulated=False)
    assert not strict.passed and "10 is the lowest" in strict.reasons[-1]
    leaking = [*cases(60), *(case.model_copy(update={"id": f"{case.id}x"}) for case in cases(60))]
    dataset = Dataset(train=tuple(leaking[:60]), validation=tuple(leaking[60:80]), test=tuple(leaking[80:]))
    refused = gate(plan(lowest_quality=0.0), dataset, of_own(dataset, "", 0)[1], "a file", simulated=False)
    assert not refused.passed, "a case of the sealed test is one to learn from"


# Optimizers that the budget carries


def test_optimizers_are_left_out_from_the_end_and_told_why() -> None:
    dataset = split_cases(cases(60), SPLIT)
    all_of_them = comparing.carried(plan(), dataset, {"calls": 1e6})
    assert [one.type for one in all_of_them.entries] == ["refine", "dspy-mipro", "grpo"]
    found = comparing.carried(plan(), dataset, {"calls": 500.0})
    kept = [one.type for one in found.entries]
    assert kept[:1] == ["refine"] and len(kept) < 3 and "grpo" in found.left_out
    assert all("one step" in why or "for the others" in why for why in found.left_out.values())
    cheap = comparing.carried(plan(), dataset, {"calls": 220.0})
    assert [one.type for one in cheap.entries] == ["dspy-mipro"], "the first is too dear even alone"
    none = comparing.carried(plan(), dataset, {"calls": 10.0})
    assert not none.entries and len(none.left_out) == 3


def test_an_estimate_tells_all_stages_and_needs_no_key() -> None:
    found = estimate_of(plan(models=REAL, count=100, budget={"usd": 40.0}))
    assert [one.name for one in found.stages] == ["data", "comparison", "consistency"]
    assert all(one.usd and one.usd.low > 0 for one in found.stages)
    assert sum(one.caps["usd"] for one in found.stages) == pytest.approx(40.0)
    json.dumps(found.as_json())
    own = estimate_of(plan(own_cases=split_cases(cases(60), SPLIT)), split_cases(cases(60), SPLIT))
    assert [one.name for one in own.stages] == ["comparison", "consistency"]


# Consistency


def test_phrasings_of_a_case_are_a_group_and_those_that_are_the_same_count_once() -> None:
    from promptopt.domain.results import CaseResult, Sample

    dataset = split_cases(cases(60), SPLIT)
    chosen = to_put(plan(tasks=3), dataset)
    assert len(chosen.test) == 3
    first, second, _ = chosen.test

    def said(case: Example, *texts: str) -> CaseResult:
        samples = tuple(Sample(output=text, score=1.0, passed=True) for text in texts)
        return CaseResult(
            case_id=case.id, output=texts[0], score=1.0, passed=True, checks=(), samples=samples
        )

    found = phrased(
        dataset,
        {
            first.id: said(first, "<text-0f3a>\nOne</text-0f3a>", " one ", "two", "I'm sorry."),
            second.id: said(second, second.input_text, "I'm sorry."),
        },
    )
    assert [case.id for case in found.test] == [f"{first.id}-{n}" for n in (1, 2, 3)]
    assert [case.input_text for case in found.test][1:] == ["one", "two"]
    assert {case.group for case in found.test} == {first.id}


def test_no_case_can_end_the_marks_that_it_stands_in() -> None:
    chosen = to_put(plan(tasks=3), split_cases(cases(60), SPLIT))
    prompt = asking(plan(), chosen, {}).prompt
    opened = re.search(r"<(text-[0-9a-f]{12})>\n\{input\}\n</\1>", prompt)
    assert opened and opened[1].endswith(chosen.fingerprint()[:12])


# The plan


def test_the_same_command_finds_the_same_and_other_words_do_not(database: Database, tmp_path: Path) -> None:
    first, new = create(database, plan(), tmp_path)
    again, not_new = create(database, plan(), tmp_path / "elsewhere")
    assert new and not not_new and again.id == first.id
    assert create(database, plan(count=61), tmp_path)[0].id != first.id
    assert create(database, plan(), tmp_path, fresh=True)[0].id != first.id
    assert plan(emergency_allowed=True).digest() == plan().digest(), "consent starts nothing anew"


def test_without_models_the_simulator_stands_in_and_a_configuration_gives_the_rest() -> None:
    config = EnterpriseConfig.load("examples/acme.yaml")
    found = plan(config=config)
    assert found.simulated and found.usd_free and found.organization == "Acme Corp"
    assert found.monthly == 200 and found.emergency == 1000 and found.teams[0] == "support"
    assert found.budget.usd == 500 and found.compliance.profile
    assert plan(config=config, budget={"usd": 900.0}).budget.usd == 500, "poc_budget is the highest"
    real = plan(config=config, models={"target": REAL["target"]})
    assert not real.simulated and real.count == 200
    assert real.models["generator"].model == real.models["optimizer"].model


def test_what_would_end_it_later_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for bad in (
        {"models": {"target": ModelSettings(model="openai/gpt-4o-mini")}},
        {"models": {role: m.model_copy(update={"price": None}) for role, m in REAL.items()}},
    ):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(PromptoptError):
            check_plan(plan(**bad))
    with pytest.raises(SettingsError, match="no setting 'speed'"):
        check_plan(
            plan_for(Wanted("customer_support", optimizers=[{"type": "refine", "config": {"speed": 1}}]))
        )
    with pytest.raises(SettingsError):
        plan_for(Wanted("customer_suport"))
    with pytest.raises(SettingsError):
        plan(shares={"data": 1.0})


def test_one_that_nobody_drives_can_not_be_asked_for_anything(database: Database, tmp_path: Path) -> None:
    row, _ = create(database, plan(), tmp_path)
    Pocs(database).say(row.id, "held", "a person is to look at the cases")
    row = Pocs(database).find(row.id)
    with pytest.raises(RunError, match="nobody is at it"):
        ask_for(database, row, "pause")
    state = state_of(database, row)
    assert state.status == "held" and state.share == 0 and state.over
    assert [stage.status for stage in state.stages] == ["waiting"] * 5
    with pytest.raises(RunError, match="no emergency budget"):
        agree(database, row, emergency=True)


def test_an_estimate_on_the_command_line_says_what_is_missing_to_start(cli: CommandLine) -> None:
    (free,) = cli("poc", "estimate", "--json").objects
    assert free["simulated"] and free["problem"] is None and free["count"] == 60
    keyed = ("poc", "estimate", "--model", "openai/gpt-4o-mini")
    (asked,) = cli(*keyed, "--json").objects
    assert "no key for openai/gpt-4o-mini" in asked["problem"]["what"] and asked["problem"]["fix"]
    assert "it can't be started yet: models.target: no key" in " ".join(cli(*keyed).err.split())


def test_an_estimate_says_that_the_month_is_used_up_and_which_budget_helps(
    cli: CommandLine, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    config = tmp_path / "enterprise.yaml"
    config.write_text(
        "organization: {name: Acme Corp}\n"
        "budget_limits: {poc_budget: 50, monthly_optimization_budget: 20, emergency_budget: 80}\n"
    )
    asked = ("poc", "estimate", "--config", str(config), "--model", "openai/gpt-4o-mini", "--json")
    assert cli(*asked).objects[0]["problem"] is None
    with closing(Database.open()) as database:
        row, _ = create(database, plan(models=REAL, organization="Acme Corp"), tmp_path)
        run = Runs(database).create(
            project_of(plan(models=REAL)), Dataset(train=tuple(cases(1)), validation=()), tmp_path
        )
        Pocs(database).assign(row.id, "data", "run", run)
        spend(database, run, 30.0)
        Pocs(database).say(row.id, "finished")
        Runs(database).summarize(run, status="finished")
        database.transact(lambda connection: None).result()
    (found,) = cli(*asked).objects
    assert "this month's budget of $20.00 is used up" in found["problem"]["what"]
    assert found["emergency"] == 80
    assert cli(*asked, "--emergency").objects[0]["problem"] is None


def test_a_paused_one_is_asked_to_go_on_and_that_is_answered_in_json(
    cli: CommandLine, home: Path, tmp_path: Path
) -> None:
    with closing(Database.open()) as database:
        row, _ = create(database, plan(), tmp_path)
        alive = {"status": "paused", "wish": "pause", "heartbeat_at": time.time()}
        database.write(update(pocs).where(pocs.c.id == row.id).values(**alive)).result()
        assert cli("poc", "resume", row.id, "--json").objects == [{"poc_id": row.id}]
        assert Pocs(database).find(row.id).wish == ""


# What leadership sees

HOSTILE = (
    "<script>alert(1)</script> | [x](javascript:1) \u202e\u05e9\u05dc\u05d5\u05dd =cmd|' /C calc'!A0 你好"
)


def test_texts_of_others_stay_texts_in_summary_and_dashboard(database: Database, tmp_path: Path) -> None:
    made = plan_for(Wanted("customer_support", context=BusinessContext(company=HOSTILE)))
    row, _ = create(database, made, tmp_path)
    found = Gate(
        passed=False, reasons=(HOSTILE,), score=3.2, sizes={"train": 1, "validation": 1, "test": 1},
        source=HOSTILE, made_up=True, simulated=True,
    )  # fmt: skip
    Pocs(database).keep(row.id, "gate", found.model_dump_json())
    told = concluded(database, row)
    assert told.case is None and told.headline == "Nothing is recommended: no prompts were compared."
    page = dashboard_of(told)
    assert "<script" not in page and "&lt;script&gt;" in page and "SIMULATED" in page
    assert "http" not in page.replace("http-equiv", "").replace("javascript:", "")
    summary = summary_of(told)
    assert "| [x](javascript" not in summary and "Raise the budget" in summary
    assert html_of(state_of(database, row)).count("<script") == 0
    json.dumps(record_of(told))
    assert SPENT in {one["label"] for one in record_of(told)["figures"]}
    assert results_of(database, row).optimization_improvements.__str__().startswith("not shown")


@pytest.mark.parametrize(
    ("verdict", "p", "met"), [("better", 0.012, "met"), ("not distinguishable", 0.07, "not shown either way")]
)
def test_verdict_interval_and_criterion_of_several_optimizers_say_the_same(
    database: Database, tmp_path: Path, verdict: Verdict, p: float, met: str
) -> None:
    row, _ = create(database, plan(), tmp_path)
    gap = Interval(mean=0.2, low=0.03, high=0.37, n=40)
    found = Comparison(difference=gap, p_value=0.004, p_adjusted=p, verdict=verdict, method="m", together=3)
    told = replace(
        concluded(database, row), evidence=Evidence(source="experiment x1", n=40, comparison=found)
    )
    figures = {one["label"]: one for one in record_of(told)["figures"]}
    difference, criterion = figures["Difference"], figures["Criterion: more than 0.0 points"]
    assert verdict in difference["text"] and ("p = 0.07" in difference["text"]) == (verdict != "better")
    assert criterion["text"] == met and "corrected" in criterion["source"]
    assert "simultaneous 95 % interval of 3 comparisons; corrected for 3" in difference["source"]
    about = {
        "run_id": "r1", "optimizer": "refine", "candidate_id": "b",
        "seed": {"candidate_id": "a", "prompt": "Old", "demonstrations": [], "validation": None, "test": None,
                 "failures": None},
        "comparison": comparison_summary(found),
    }  # fmt: skip
    offer = offer_of(OptimizedPrompt(text="New", metadata=about))
    assert offer.advice == ("deploy" if verdict == "better" else "keep")
    assert any("simultaneous 95 % interval of 3 comparisons [+3.0, +37.0]" in why for why in offer.why)
    assert "simultaneous" in offer.gain


def test_who_accepted_the_cases_is_told_and_that_nobody_has(database: Database, tmp_path: Path) -> None:
    row, _ = create(database, plan(), tmp_path)
    found = Gate(
        passed=False, reasons=("too few",), score=3.2, sizes={"train": 1, "validation": 1, "test": 1},
        source="run r", made_up=True, simulated=True,
    )  # fmt: skip
    Pocs(database).keep(row.id, "gate", found.model_dump_json())

    def source() -> str:
        figures = {one["label"]: one for one in record_of(concluded(database, row))["figures"]}
        return figures["The gate objected"]["source"]

    assert source().endswith("nobody has decided yet")
    agree(database, row, accept_cases=True)
    assert source().endswith("accepted the cases")


def test_one_model_for_cases_and_verdicts_is_told(database: Database, tmp_path: Path) -> None:
    both = ModelSettings(model="sim/both")
    made = plan(models={"target": ModelSettings(model="sim/target"), "generator": both, "judge": both})
    row, _ = create(database, made.model_copy(update={"realism": False, "checks": ()}), tmp_path)
    assert not any("One model" in one for one in record_of(concluded(database, row))["to_know"])
    row, _ = create(database, made, tmp_path)
    told = concluded(database, row)
    assert any("One model, sim/both, has made the cases up" in one for one in record_of(told)["to_know"])
    assert "One model, sim/both" in summary_of(told) and "One model, sim/both" in dashboard_of(told)


def test_the_simulators_number_of_cases_is_told_where_the_configuration_says_another() -> None:
    wanted = Wanted("customer_support", config=EnterpriseConfig.load("examples/acme.yaml"))
    assert "makes 60 cases up where the configuration says 200" in rehearsed(wanted, plan_for(wanted))
    counted = replace(wanted, count=30)
    assert rehearsed(counted, plan_for(counted)) == ""


def test_a_folder_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / "package"
    theirs.mkdir()
    (theirs / "mine.txt").write_text("precious")
    offer = offer_of(OptimizedPrompt(text="Answer {input}", metadata={}), "support")
    package = package_of(offer, plan_of([offer], Wishes()))
    for _ in range(2):
        place, packed = concluding._package(package, tmp_path, "p1", [])
        assert place.name == "package-p1" and packed.exists()
    assert (theirs / "mine.txt").read_text() == "precious"


# Benchmarks


def test_each_benchmark_has_cases_with_a_sealed_test_that_repeats_nothing() -> None:
    suite = BusinessBenchmarkSuite()
    assert list(suite.benchmarks) == [
        "customer_support", "internal_email", "content_creation", "technical_documentation",
    ]  # fmt: skip
    for one in suite.benchmarks.values():
        found = one.dataset()
        assert (len(found.train), len(found.validation), len(found.test)) == (24, 12, 24)
        quality = of_own(found, one.scenario.prompt, 0)[1]
        assert not quality.serious and quality.quality_score > 9 and not quality.leaks
        assert all(case.checks for case in found.test), "facts or labels that an answer must keep"
    with pytest.raises(SettingsError, match="no benchmark 'sales'"):
        suite.run_enterprise_evaluation(benchmarks=["sales"])
