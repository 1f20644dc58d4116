"""What is advised of a prompt, the plan that follows, the package; texts of prompts and cases stay data."""

import configparser
import json
import zipfile
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.dataset import Example
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.prompt import OptimizedPrompt, Prompt
from promptopt.domain.results import CaseResult
from promptopt.domain.settings import ModelSettings
from promptopt.enterprise import EnterpriseDeploymentPipeline, TeamDeploymentManager
from promptopt.enterprise.adoption.monthly import monthly_report
from promptopt.enterprise.adoption.usage import UsageLog, Use
from promptopt.enterprise.deployment.criteria import Watched, Wishes
from promptopt.enterprise.deployment.examples import Material, PerUse, Shown, masker
from promptopt.enterprise.deployment.offers import Offer, offer_of
from promptopt.enterprise.deployment.package import Extras, OnboardingPackage, package_of
from promptopt.enterprise.deployment.recording import found
from promptopt.enterprise.deployment.rollout import RolloutPlan, plan_of, strategy_of
from promptopt.enterprise.deployment.snippets import endpoint_of
from promptopt.enterprise.monitoring.dashboard import dashboard
from promptopt.enterprise.monitoring.looks import Look, look_at
from promptopt.enterprise.monitoring.webhook import check_address, message
from promptopt.evaluation.falls import Scores
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.deployments import Deployments, MonitoringRow
from promptopt.store.runs import Runs
from promptopt_tui import paint
from promptopt_tui.views.deploying import package_lines
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import BEST, CASES, SEED, finished_run

HOSTILE = "```\n</pre><script>alert(1)</script> =1+1 | [x](javascript:1) ``` {text}"

SCORE: Mapping[str, Any] = {
    "score": 0.9, "low": 0.8, "high": 0.95, "n": 60, "passed": 54, "errors": 0, "at_once": None
}  # fmt: skip


def gap(verdict: str, difference: float = 0.2) -> dict[str, Any]:
    return {
        "verdict": verdict, "difference": difference, "interval": [difference - 0.1, difference + 0.1],
        "p_value": 0.001, "method": "exact", "n": 60, "fixed": [], "broken": [],
    }  # fmt: skip


def optimized(text: str = "Answer {text}.", **about: Any) -> OptimizedPrompt:
    metadata: dict[str, Any] = {
        "run_id": "r1",
        "optimizer": "refine",
        "candidate_id": "new",
        "simulated": False,
        "test": SCORE,
        "validation": SCORE,
        "comparison": gap("better"),
        "must_pass_broken": [],
        "seed": {
            "candidate_id": "seed", "prompt": "Old {text}.", "demonstrations": [], "failures": None,
            "validation": SCORE, "test": {**SCORE, "score": 0.7, "low": 0.58, "high": 0.8},
        },
        "failures": {"clusters": [{"category": "too verbose", "detail": HOSTILE, "count": 3}]},
        "task": {"description": "Answer tickets.", "columns": ["text"], "rules": []},
    }  # fmt: skip
    return OptimizedPrompt(text=text, metadata=metadata | about)


@pytest.mark.parametrize(
    ("about", "advice", "said"),
    [
        ({}, "deploy", "better than the prompt before"),
        ({"comparison": gap("worse", -0.2)}, "keep", "It is worse"),
        ({"comparison": gap("not distinguishable", 0.02)}, "keep", "could not tell it"),
        ({"comparison": None, "test_note": "too few cases"}, "wait", "too few cases"),
        ({"candidate_id": "seed"}, "keep", "nothing better"),
        ({"must_pass_broken": ["c7"]}, "keep", "must pass (c7)"),
        ({"optimizer": "none", "candidate_id": "seed", "comparison": None}, "wait", "only scored it"),
    ],
)
def test_only_what_is_proven_is_given_out(about: dict[str, Any], advice: str, said: str) -> None:
    offer = offer_of(optimized(**about))
    plan = plan_of([offer], Wishes(start=date(2026, 12, 1)))
    assert offer.advice == advice and said in " ".join(offer.why)
    assert plan.go is (advice == "deploy") and offer.gives_new is (advice == "deploy" or not offer.before)
    text = plan.markdown()
    assert ("## Phase 1" in text) is (advice == "deploy")
    assert any(said in text for said in ("Do not deploy", "no new prompt")) is (advice != "deploy")
    if advice == "keep" and offer.before:
        assert offer.given.prompt.text == "Old {text}."


@pytest.mark.parametrize(
    ("business", "given_out", "said"),
    [
        ("recommended", True, "Deploy the new prompt."),
        ("not shown", True, "that it pays is not shown"),
        ("against", False, "it is better, and it does not pay"),
    ],
)
def test_what_a_business_case_says_is_said_in_the_whole_package(
    business: str, given_out: bool, said: str
) -> None:
    offer = offer_of(optimized(business={"advice": business, "reasons": ["The chance of a loss is 80%."]}))
    assert offer.gives_new is given_out and said in offer.headline
    plan = plan_of([offer], Wishes(start=date(2026, 12, 1)))
    assert plan.go is given_out
    files = package_of(offer, plan).files
    for name in ("README.md", "index.html", "rollout/plan.md", "training/video-script.md"):
        assert said in files[name], name
        assert ("chance of a loss is 80" in files[name]) is (business != "recommended"), name
    kept = offer_of(optimized(comparison=gap("worse", -0.2)))
    assert kept.weighed(business, ["x"]) == kept


def test_simulated_figures_are_a_rehearsal_everywhere() -> None:
    offer = offer_of(optimized(simulated=True))
    plan = plan_of([offer], Wishes())
    for text in (offer.headline, plan.markdown(), plan.html(), *package_of(offer, plan).files.values()):
        if "%" in text and "95 %" in text:
            assert "imulated" in text
    assert "rehearsal" in offer.headline


def whole_plan(strategy: str = "gradual", offers: list[Offer] | None = None) -> RolloutPlan:
    watched = Watched(
        scores=Scores([1.0] * 54 + [0.0] * 6),
        per_use=PerUse(usd=0.002, seconds=1.0, tokens=300, n=60),
        categories={"too verbose": 6},
    )
    offers = offers or [offer_of(optimized(), "Tickets")]
    wishes = Wishes(teams=("support", "sales"), strategy=strategy_of(strategy), start=date(2026, 12, 1))
    return plan_of(offers, wishes, {"Tickets": watched})


def test_criteria_are_figures_of_the_test_with_their_source() -> None:
    plan = whole_plan()
    assert [(phase.name, phase.begins, phase.ends) for phase in plan.phases] == [
        ("Pilot", "2026-12-01", "2026-12-15"),
        ("Wider", "2026-12-15", "2026-12-29"),
        ("All", "2026-12-29", ""),
    ]
    stops = " ".join(f"{one.text} {one.source}" for one in plan.phases[0].stop)
    assert "below 80.0%, the lower bound" in stops and "run r1, sealed test" in stops
    assert "20 fresh cases can show a fall of 35 points" in stops
    assert "it had too verbose" in stops and "1,000 uses cost more than $3.00" in stops
    assert "1.5 times the $2.00 that the 60 test cases" in stops and "less than 40%" in stops
    assert all(one.source for phase in plan.phases for one in (*phase.enter, *phase.leave, *phase.stop))
    assert json.dumps(plan.as_json())


def test_what_is_personal_in_cases_is_left_out_of_a_package() -> None:
    mask = masker(ComplianceSettings(names=["Zora Quill"], public=["help@acme.example"]).policy())
    text = "Zora Quill <zora.q@mail.example>, DE89 3704 0044 0532 0130 00, help@acme.example"
    assert mask(text) == "[NAME] <[EMAIL]>, [IBAN], help@acme.example"
    assert mask("nothing here") == "nothing here"


def test_strategies_and_other_words_for_them() -> None:
    assert [phase.name for phase in whole_plan("immediate").phases] == ["All"]
    assert [phase.name for phase in whole_plan("pilot only").phases] == ["Pilot"]
    with pytest.raises(SettingsError, match="no strategy 'slowly'"):
        strategy_of("slowly")
    with pytest.raises(SettingsError, match="no prompt"):
        plan_of([], Wishes())


def whole_package(text: str = HOSTILE) -> OnboardingPackage:
    offer = offer_of(optimized(text), HOSTILE)
    shown = Shown("c<1>", HOSTILE, HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    extras = Extras(
        columns=("text",),
        model=ModelSettings(model="openai/gpt-4o-mini", max_tokens=64, temperature=0.0),
        cases=Material(fixed=(shown,), failing=(shown,), example=Example(id="e", inputs={"text": HOSTILE})),
        per_use=PerUse(usd=0.002, seconds=1.0, tokens=300, n=60),
    )
    return package_of(offer, plan_of([offer], Wishes(teams=(HOSTILE,), owner=HOSTILE)), extras)


def test_texts_of_prompts_and_cases_stay_data_in_every_file() -> None:
    files = whole_package().files
    for name, text in files.items():
        if name.endswith(".html"):
            assert "<script" not in text and 'javascript:1"' not in text and "default-src 'none'" in text, (
                name
            )
        if name.endswith(".md"):
            outside = "".join(text.split("````")[::2])  # what is not in a fence
            assert "<script" not in outside.replace("\\<script", ""), name
        if name.endswith(".py"):
            compile(text, name, "exec")
        if name.endswith(".json"):
            json.loads(text)
    assert files["prompt/prompt.txt"] == HOSTILE
    request = json.loads(files["prompt/example-request.json"])
    assert request["messages"][-1]["content"] == HOSTILE.replace("{text}", HOSTILE)


def test_a_package_has_what_a_team_asks_for(tmp_path: Path) -> None:
    package = whole_package()
    readme = package.quick_start_guide
    for name in package.files:
        if not name.startswith("monitoring/") and name not in ("README.md",):
            assert f"({name})" in readme, name
    assert "nobody has recorded one" in package.training_videos["training/video-script.md"]
    assert package.files["before/prompt.txt"] == "Old {text}."
    assert package.files["feedback.csv"].startswith("timestamp,user,team,prompt,")
    first, second = (
        package.zip(tmp_path / "a.zip"),
        package.zip(tmp_path / "b" if False else tmp_path / "c.zip"),
    )
    assert len(first.read_bytes()) == len(second.read_bytes())
    with zipfile.ZipFile(first) as packed:
        assert sorted(packed.namelist()) == [f"a/{name}" for name in sorted(package.files)]
    folder = package.write(tmp_path / "pkg")
    assert (folder / "prompt" / "call.sh").stat().st_mode & 0o111
    with pytest.raises(SettingsError, match="something already"):
        package.write(folder)


def test_what_schedulers_want_can_be_read_by_them(run_id: str, cli: CommandLine, tmp_path: Path) -> None:
    told = cli("deploy", run_id, "--out", str(tmp_path / "pkg"), "--json").objects[0]
    folder = tmp_path / "pkg" / "monitoring"
    line = f"promptopt monitor {told['deployment_id']} --cases /srv/prompts/fresh.csv"
    actions = yaml.safe_load((folder / "github-actions.yml").read_text("utf-8"))
    steps = actions["jobs"]["monitor"]["steps"]
    assert steps[-1]["run"].startswith("promptopt monitor monitoring/deployment.json")
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(folder / "promptopt-monitor.service")
    assert unit["Service"]["ExecStart"] == f"/usr/bin/env {line} --json"
    assert (folder / "crontab.txt").read_text("utf-8").rstrip().endswith(line)
    assert (folder / "fresh-cases.csv").read_text("utf-8") == "id,text,expected\n"


@pytest.mark.parametrize(
    "address",
    ["http://user:pass@10.0.0.1/v1", "https://x/v1?key=secret", 'https://x/$(touch a)"', "https://x/`id`"],
)
def test_an_address_with_a_secret_or_a_command_in_it_is_left_out(address: str) -> None:
    assert endpoint_of(ModelSettings(model="openai/x", base_url=address)).base == ""


def test_endpoints() -> None:
    assert endpoint_of(ModelSettings(model="anthropic/claude")).path == "/messages"
    local = endpoint_of(ModelSettings(model="ollama_chat/llama", base_url="http://127.0.0.1:11434"))
    assert local.base == "http://127.0.0.1:11434/v1" and local.model == "llama"
    assert endpoint_of(ModelSettings(model="sim/target")).base == ""


@pytest.fixture
def run_id(home: Path, tmp_path: Path) -> str:
    """A finished run whose prompts have results on the test."""
    run = finished_run(Database.open(), tmp_path)
    with closing(Database.open()) as database:
        cells = Cells(database, run)
        for prompt, right in ((SEED, 2), (BEST, 4)):
            for split, part in (("validation", CASES[4:8]), ("test", CASES[8:])):
                results = [
                    CaseResult(case_id=case.id, output="a", score=float(at < right), passed=at < right,
                               category="" if at < right else "refusal", cost=0.001, latency=0.5)
                    for at, case in enumerate(part)
                ]  # fmt: skip
                cells.keep(prompt.id, split, results)  # type: ignore[arg-type]
        cells.settled().result()
    return run


def test_deploy_writes_a_package_and_keeps_a_deployment(
    run_id: str, cli: CommandLine, tmp_path: Path
) -> None:
    done = cli("deploy", run_id, "--out", str(tmp_path / "pkg"), "--zip", "--json", "--title", "Tickets")
    (told,) = done.objects
    assert done.status == 0 and told["advice"] == "deploy" and told["n"] == 4
    (first, *_) = told["phases"]
    assert first["begins"] and first["stop"] and told["monitor"].startswith("promptopt monitor")
    assert "the roll-out" in paint.plain(package_lines(told, 76))
    assert Path(told["zip"]).is_file() and (tmp_path / "pkg" / "index.html").is_file()
    exercises = (tmp_path / "pkg" / "training" / "exercises.md").read_text("utf-8")
    assert "ticket 6" in exercises and "ticket 9" not in exercises, "the sealed test stays out of sight"
    again = cli("deploy", run_id, "--out", str(tmp_path / "pkg"))
    assert again.status == 2 and "something already" in again.err
    bare = cli(
        "deploy", run_id, "--out", str(tmp_path / "bare"), "--no-cases", "--candidate", "seed", "--json"
    )
    assert bare.objects[0]["gives_new"] and bare.objects[0]["prompt_id"] == SEED.id
    whole = "".join(path.read_text("utf-8") for path in (tmp_path / "bare").rglob("*") if path.is_file())
    assert "ticket 6" not in whole
    (listed,) = cli("deployments", "--json").objects
    assert [one["name"] for one in listed] == ["tickets", "Tickets"]
    with closing(Database.open()) as database:
        Runs(database).delete(run_id)
        Runs(database).purge(float("inf"))
    assert len(cli("deployments", "--json").objects[0]) == 2, "it outlives its run"
    for arguments, said in (
        (("--start", "soon"), "expected a day"),
        (("--company", "nowhere.yaml"), "no such company file"),
    ):
        refused = cli("deploy", "latest", *arguments)
        assert refused.status == 2 and said in refused.err


def test_what_the_organization_keeps_to_holds_for_monitoring_and_is_told(
    run_id: str, cli: CommandLine, tmp_path: Path
) -> None:
    company = tmp_path / "acme.yaml"
    company.write_text("organization: {name: Acme, compliance: [GDPR, HIPAA]}")
    (told,) = cli(
        "deploy", run_id, "--company", str(company), "--out", str(tmp_path / "pkg"), "--json"
    ).objects
    assert told["compliance"][0].startswith("GDPR: personal data is sent as placeholders")
    assert told["compliance"][1].startswith("HIPAA: told to the models as a note; no profile covers it")
    readme = (tmp_path / "pkg" / "README.md").read_text("utf-8")
    assert "## Compliance" in readme and "GDPR" in readme and "HIPAA" in readme
    manager = TeamDeploymentManager({"organization": {"name": "Acme", "compliance": ["SOC 2"]}})
    prompt = OptimizedPrompt(text=BEST.text, metadata=optimized(run_id=run_id, candidate_id=BEST.id).metadata)
    watch = manager.setup_performance_monitoring({"Tickets": prompt})
    with closing(Database.open()) as database:
        kept = found(database, told["deployment_id"]).settings.compliance
    assert (kept.profile, kept.recorded) == (["gdpr"], ["HIPAA"])
    assert watch.deployments["Tickets"].settings.compliance.policy().pii == "redact"


def test_the_fronts_plan_without_keeping_and_keep_once(run_id: str, tmp_path: Path) -> None:
    about = {"run_id": run_id, "candidate_id": BEST.id}
    prompt = OptimizedPrompt(text=BEST.text, metadata=optimized(**about).metadata)
    manager = TeamDeploymentManager(
        {"organization": {"name": "Acme"}, "deployment": {"target_teams": ["ops"]}}
    )
    plan = manager.create_rollout_plan({"Tickets": prompt})
    assert "ops" in plan.phases[0].who
    material = manager.generate_training_materials({"Tickets": prompt})
    assert set(material["Tickets"]) >= {"exercises.md", "video-script.md", "reference-card.md"}
    with closing(Database.open()) as database:
        assert Deployments(database).list() == [], "a plan keeps nothing"
    watch = manager.setup_performance_monitoring({"Tickets": prompt})
    manager.setup_performance_monitoring({"Tickets": prompt})
    with closing(Database.open()) as database:
        (row,) = Deployments(database).list()
    assert watch.commands["Tickets"] == f"promptopt monitor {row.id} --cases fresh.csv"
    assert "Nobody has looked yet" in watch.html("Tickets") and watch.history("Tickets") == []
    pipeline = EnterpriseDeploymentPipeline()
    package = pipeline.create_team_onboarding_package({"A b": prompt, "A-b": Prompt(text="Plain.")})
    assert {"a-b/index.html", "a-b~2/index.html", "rollout/plan.md"} <= set(package.files)
    assert "Phase 1" in package.files["rollout/plan.html"]
    assert "Phase 1" not in package.files["a-b~2/index.html"], "a prompt's page is about that one"
    assert "nothing is proven" in package.files["a-b~2/index.html"]
    metrics = pipeline.track_adoption_metrics(row.id, log(), team_size=4)
    assert metrics.overall.rate == 0.5
    with pytest.raises(RunError, match="no figure"):
        manager.setup_performance_monitoring(Prompt(text="Plain."))
    with pytest.raises(SettingsError, match="there is no 'usgae'"):
        pipeline.generate_monthly_roi_report({"deployment": row.id, "usgae": "x"})


def log() -> UsageLog:
    days = range(1, 21)
    return UsageLog(
        tuple(Use(datetime(2026, 11, day, 9), "ab"[day % 2], prompt=BEST.id) for day in days), "usage.csv"
    )


def test_a_month_joins_uses_looks_and_assumptions(run_id: str, cli: CommandLine, tmp_path: Path) -> None:
    cli("deploy", run_id, "--out", str(tmp_path / "pkg"))
    with closing(Database.open()) as database:
        deployment = found(database, "latest")
    fine = monthly_report(deployment, log(), [])
    assert fine.month == "2026-11" and fine.usage is not None and fine.usage.uses == 20
    assert fine.net_benefit is not None and fine.net_benefit.low < fine.net_benefit.high
    assert all(one.source for one in (*fine.money, *fine.assumptions))
    requests = next(one for one in fine.assumptions if one.what == "Requests a month")
    assert requests.shown == "20" and "measured: Counted in usage.csv" in requests.source
    assert "Monitor it" in fine.recommendations[0]
    names = {path.name for path in fine.write(tmp_path / "fine")}
    assert names >= {"report-2026-11.md", "report-2026-11.html", "report-2026-11.json"}
    if find_spec("openpyxl"):
        assert "business-case.xlsx" in names
    looks = [fallen(deployment)]
    worse = monthly_report(deployment, log(), looks)
    assert worse.net_benefit is not None and worse.net_benefit.high < fine.net_benefit.high
    assert "Go back to the prompt before" in worse.recommendations[0]
    assert worse.case is None and len(worse.write(tmp_path / "r")) == 3 and "<script" not in worse.html()
    with pytest.raises(SettingsError, match="expected a month"):
        monthly_report(deployment, log(), [], "November")
    with pytest.raises(SettingsError, match="neither a use nor a look"):
        monthly_report(deployment, None, [])


def test_nothing_is_said_about_money_if_the_logs_names_match_nothing(
    run_id: str, cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt.enterprise.adoption.usage._clock", lambda: datetime(2026, 11, 26))
    cli("deploy", run_id, "--out", str(tmp_path / "pkg"))
    usage = tmp_path / "usage.csv"
    days = "".join(f"2026-11-{day:02},u{day % 3},ticket-bot\n" for day in range(1, 21))
    usage.write_text("timestamp,user,prompt\n" + days, encoding="utf-8")
    asked = (
        "adoption",
        str(usage),
        "--deployment",
        "latest",
        "--team-size",
        "4",
        "--out",
        str(tmp_path / "r"),
    )
    told = cli(*asked, "--json").objects[0]
    assert told["net_benefit"] is None and told["money"] == [] and told["assumptions"] == []
    assert "'ticket-bot' (20)" in told["recommendations"][0]
    assert "--called ticket-bot" in told["notes"][0] and told["usage"]["uses"] == 20
    assert "think again" not in json.dumps(told) and len(told["files"]) == 3
    shown = cli(*asked)
    assert shown.err.startswith("note: no prompt that the log names is the deployed one"), shown.err
    plain = cli("adoption", str(usage), "--deployment", "latest")
    assert plain.err.startswith("note: no prompt that the log names is the deployed one")
    known = cli(*asked, "--called", "ticket-bot", "--json").objects[0]
    assert known["net_benefit"] is not None and "--called" not in json.dumps(known)
    requests = next(one for one in known["assumptions"] if one["what"] == "Requests a month")
    assert requests["shown"] == "20"


def fallen(deployment: Any) -> Look:
    row = MonitoringRow(deployment.id, 1, "d", "<b>x</b>", "r2", datetime(2026, 11, 20).timestamp(), "")
    cases = [Example(id=f"f{n}", inputs={"text": HOSTILE}) for n in range(40)]
    results = {case.id: CaseResult(case_id=case.id, category="hallucination") for case in cases}
    return look_at(deployment, row, cases, results, [], margin=0.05, usd=None)


def test_looks(run_id: str, cli: CommandLine, tmp_path: Path) -> None:
    cli("deploy", run_id, "--out", str(tmp_path / "pkg"), "--title", HOSTILE)
    with closing(Database.open()) as database:
        deployment = found(database, "latest")
    look = fallen(deployment)
    assert look.verdict == "has fallen" and look.new == ("hallucination",) and look.height > 3
    assert Look.of_json(json.loads(json.dumps(look.as_json()))) == look
    page = dashboard(deployment, [look, look])
    assert "<script" not in page and "<b>x" not in page and "default-src 'none'" in page
    body = message(deployment, look)
    assert "<" not in body["text"] and HOSTILE not in json.dumps(body)

    row = MonitoringRow(deployment.id, 1, "d", "x", "r2", 0.0, "")
    cases = [Example(id=f"f{n}", inputs={"text": "ticket 1"}) for n in range(40)]
    dead = {case.id: CaseResult(case_id=case.id, category="error", error="no answer") for case in cases}
    silent = look_at(deployment, row, cases, dead, [], margin=0.05, usd=None)
    assert silent.verdict == "can't tell" and "40 of 40 calls had no answer" in silent.reason
    assert look_at(deployment, row, [CASES[0]], {"c0": dead["f0"]}, [], margin=0.05, usd=None).known == {
        "train": 1
    }


def test_small_falls_add_up_and_the_same_cases_count_once(
    run_id: str, cli: CommandLine, tmp_path: Path
) -> None:
    cli("deploy", run_id, "--out", str(tmp_path / "pkg"))
    with closing(Database.open()) as database:
        deployment = found(database, "latest")
    cases = [Example(id=f"f{n}", inputs={"text": f"ticket {n}"}) for n in range(40)]
    half = {
        case.id: CaseResult(case_id=case.id, score=float(n % 2), passed=bool(n % 2), category="refusal")
        for n, case in enumerate(cases)
    }

    def looks(digest: Callable[[int], str]) -> list[Look]:
        seen: list[Look] = []
        for n in range(1, 14):
            row = MonitoringRow(deployment.id, n, digest(n), "x", "r", 0.0, "")
            seen.append(look_at(deployment, row, cases, half, seen, margin=0.3, usd=0.0))
        return seen

    fresh = looks(lambda n: f"week {n}")
    verdicts = [look.verdict for look in fresh]
    assert verdicts[0] == "can't tell" and verdicts[-1] == "has fallen"
    assert "again and again below" in fresh[-1].reason and fresh[-1].fall.verdict == "can't tell"
    same = looks(lambda _: "one file")
    assert {look.verdict for look in same} == {"can't tell"} and same[-1].height == same[0].height


@pytest.mark.parametrize("url", ["ftp://x", "file:///x", "//x", "http://", "https://a b", "http://[", "x"])
def test_only_addresses_of_the_web_are_told(url: str) -> None:
    with pytest.raises(SettingsError, match="no address"):
        check_address(url)


def test_the_host_is_all_that_is_said_of_an_address() -> None:
    assert check_address("https://hooks.slack.com/services/T0/B0/secret") == "hooks.slack.com"
