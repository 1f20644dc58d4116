"""From a scenario to a set of cases: what is asked, agreed to and looked at, and what comes of it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import promptopt.data
from promptopt.data import InteractiveSyntheticWizard
from promptopt.domain.errors import SettingsError
from promptopt.enterprise import environment
from promptopt.notebook import starting
from promptopt.notebook.settingup import found_models
from promptopt.notebook.wizards import scenarios
from promptopt.notebook.wizards.fields import Values, complaints
from promptopt.notebook.wizards.wishes import Wishes
from promptopt.runs.generated import generated_by, queue_of
from promptopt.store.projects import find_project, load_project
from promptopt.store.runs import Runs
from promptopt.synthetic.scenarios import find_scenario

MODELS: Any = {
    "generator": {"model": "sim/generator", "latency": 0},
    "judge": {"model": "sim/judge", "latency": 0},
}
PRICED = {
    "model": "openai/house",
    "base_url": "http://127.0.0.1:9/v1",
    "price": {"input": 100, "output": 100},
}

Script = Callable[[str, Values], Values]


@pytest.fixture(autouse=True)
def apart(home: Path) -> Iterator[None]:
    starting._opened.cache_clear()
    environment._current.clear()
    yield
    environment._current.clear()


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Callable[[Script], list[tuple[str, str]]]:
    """Somebody who fills sheets in by a script; returns the titles of the sheets and what was previewed."""

    def playing(script: Script) -> list[tuple[str, str]]:
        seen: list[tuple[str, str]] = []

        def ask(sheet: Any, values: Values, way: str) -> Values:
            filled = {**values, **script(sheet.title, values)}
            assert not complaints(sheet.fields, filled, sheet.check)
            seen.append((sheet.title, sheet.preview(filled)))
            return filled

        monkeypatch.setattr(scenarios, "ask", ask)
        return seen

    return playing


def test_it_is_where_the_plan_says() -> None:
    assert promptopt.data.InteractiveSyntheticWizard is scenarios.InteractiveSyntheticWizard
    assert "InteractiveSyntheticWizard" in promptopt.data.__all__


def test_without_anybody_the_simulator_makes_cases_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = InteractiveSyntheticWizard(MODELS).run_scenario_builder("internal_email", count=12)
    assert len(made) == 12 and made.simulated and made.scenario.name == "internal_email"
    said = capsys.readouterr().out
    assert "nobody is here to be asked" in said and "Acme Corp (made up)" in said
    assert "nobody has looked at these cases" in said and "SIMULATED" in said and "quality" in said


def test_a_real_model_is_not_asked_before_somebody_agrees_to_the_cost() -> None:
    with pytest.raises(SettingsError, match=r"nobody is here to agree to what it takes \(.*\$"):
        InteractiveSyntheticWizard(PRICED, company_context="A").run_scenario_builder(count=5)
    assert Runs(starting.store()).list() == []


def test_what_was_set_up_makes_the_cases(capsys: pytest.CaptureFixture[str]) -> None:
    found, said = found_models()
    assert "no key was found" in said and found["generator"] == {"model": "sim/generator"}
    environment.use(environment.EnterpriseEnvironment({**MODELS, "target": {"model": "sim/small"}}))
    made = InteractiveSyntheticWizard(company_context="A").run_scenario_builder(count=3)
    settings = Runs(starting.store()).settings(made.run_id)
    assert settings.models["generator"].latency == 0 and "judge" in settings.models
    assert "those that were set up" in capsys.readouterr().out


def test_steps_of_a_person(person: Callable[[Script], list[tuple[str, str]]], tmp_path: Path) -> None:
    decided: dict[str, str] = {}

    def script(title: str, values: Values) -> Values:
        if title == "Scenario":
            return {"scenario": "customer_support"}
        if title == "Cases for a scenario":
            return {"count": 16, "personas": ("angry customer",), "usd": 1.0, "language": "German"}
        if title == "A look at the cases":
            first, second, *_ = [key.split(":")[0] for key in values if key.endswith(":keep")]
            last = "look at more cases" if not decided else "go on"
            if not decided:
                decided.update(dropped=first, edited=second)
                return {f"{first}:keep": False, f"{second}:input": "Where is my parcel?", "next": last}
            return {"next": last}
        return {"project": "made up", "file": str(tmp_path / "cases.jsonl")}

    seen = person(script)
    wizard = InteractiveSyntheticWizard(MODELS, company_context="Acme", way="questions")
    made = wizard.run_scenario_builder("content_creation")
    titles = [title for title, _ in seen]
    assert titles == ["Scenario", "Cases for a scenario", *["A look at the cases"] * 2, "The cases are there"]
    quoted = seen[1][1]
    assert "1 personas × 3 difficulties" in quoted and "calls are likely" in quoted and "SIMULATED" in quoted
    assert "4 of 5 kept, 1 of them changed" in seen[2][1]
    ids = {case.id: case for case in made.cases()}
    assert len(ids) == 15 and decided["dropped"] not in ids
    assert ids[decided["edited"]].input_text == "Where is my parcel?"
    assert all("persona: angry customer" in case.tags for case in ids.values())
    database = starting.store()
    row = Runs(database).list()[0]
    settings = Runs(database).settings(row.id)
    assert row.kind == "generate" and settings.budget.usd == 1.0
    plan = generated_by(database, row.id).plan
    assert (plan.count, plan.company, plan.scenario.language) == (16, "Acme", "German")
    standing = queue_of(database, generated_by(database, row.id)).standing()
    assert (standing.dropped, standing.edited) == (1, 1) and standing.kept >= 4
    project = load_project(find_project("made up"))
    assert project.settings.prompt.strip() == find_scenario("customer_support").prompt.strip()
    assert len((tmp_path / "cases.jsonl").read_text("utf-8").splitlines()) == 15


def test_who_has_seen_enough_ends_it_there(person: Callable[[Script], list[tuple[str, str]]]) -> None:
    person(lambda title, values: {"next": "done"} if title == "A look at the cases" else {})
    slow: Any = {"generator": {"model": "sim/generator", "latency": 0.3}}
    wizard = InteractiveSyntheticWizard(slow, company_context="Acme", way="questions")
    made = wizard.run_scenario_builder(count=400)
    assert scenarios.FIRST <= len(made) < 400
    assert Runs(starting.store()).find(made.run_id).status == "stopped"


@pytest.mark.parametrize(
    ("usd", "said"), [(0.5, "is likely to end it before all are made"), (None, ""), (10_000, "")]
)
def test_a_cap_that_is_too_low_is_told_beforehand(usd: float | None, said: str) -> None:
    wishes = Wishes(find_scenario("customer_support"), 0)
    wishes.offer({"generator": PRICED}, "A", usd)
    values = wishes.values(500)
    told = wishes.sheet().preview(values)
    assert ("is likely to end it" in told) is bool(said) and "SIMULATED" not in told


def test_a_cap_without_a_price_is_refused() -> None:
    wishes = Wishes(find_scenario("customer_support"), 0)
    unknown = {key: value for key, value in PRICED.items() if key != "price"}
    wishes.offer({"generator": unknown}, "A", None)
    values = wishes.values(5)
    assert complaints(wishes.sheet().fields, values, wishes.sheet().check) == {}
    wrong = complaints(wishes.sheet().fields, {**values, "usd": 1.0}, wishes.sheet().check)
    assert "price" in "".join(wrong.values())
    empty = complaints(wishes.sheet().fields, {**values, "personas": ()}, wishes.sheet().check)
    assert empty == {"personas": "needed"}


def test_questions_that_end_leave_the_rest_as_proposed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = iter(["", "", "9"])

    def answer(_: str = "") -> str:
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", answer)
    wizard = InteractiveSyntheticWizard(MODELS, company_context="A", way="questions")
    assert len(wizard.run_scenario_builder(count=7)) == 7
    assert 'any more: "Cases for a scenario" stays as it is' in capsys.readouterr().out
