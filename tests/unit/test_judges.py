"""Several judges beside ``models.judge``: settings, seats, endpoints, trust, what is said of them."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import ModelError, SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.models.endpoint import named, role_of, seat_of, setting_of
from promptopt.models.relay_wire import wire_for
from promptopt.runs.launch import simulated
from promptopt.runs.setup import describe, model_of, open_endpoints, price_of, seats_in_use
from promptopt.runs.state import RunState
from promptopt.store.projects import save_project, settings_from
from promptopt.store.trust import powers

CASE = Example(id="1", inputs={"input": "x"}, expected="a")
DATASET = Dataset(train=(CASE,), validation=(CASE,))


def project(*judges: dict[str, Any], models: dict[str, Any] | None = None, **more: Any) -> ProjectSettings:
    target = {"target": {"model": "sim/target"}}
    table = {"name": "p", "prompt": "x", "models": {**target, **(models or {})}, "judges": list(judges)}
    return ProjectSettings.model_validate({**table, **more})


HAIKU = {"name": "haiku", "model": "anthropic/claude-haiku-4-5", "weight": 2.0}
MINI = {"model": "openai/gpt-4o-mini", "temperature": 0.0}
LOCAL = {"name": "local", "model": "openai/llama", "base_url": "https://llm.example.com/v1", "free": True}


def test_judges_are_called_by_their_names_or_their_models() -> None:
    settings = project(HAIKU, MINI)
    assert settings.panel == {"haiku": 2.0, "openai/gpt-4o-mini": None}
    assert project(models={"judge": MINI}).panel == {"": None} and project().panel == {}
    with pytest.raises(ValueError, match=r"two are called 'haiku'"):
        project(HAIKU, {**MINI, "name": " haiku "})


def test_a_slip_in_a_judge_is_caught_and_named() -> None:
    raw = tomllib.loads(
        'name = "p"\nprompt = "x"\n[models.target]\nmodel = "m"\n'
        '[[judges]]\nmodel = "m"\nwieght = 2\n[[judges]]\nname = "b"\n'
    )
    with pytest.raises(SettingsError) as error:
        settings_from(raw, Path("project.toml"))
    assert "judges[0].wieght: unknown key, did you mean weight?" in str(error.value)
    assert "judges[1].model" in str(error.value)


def test_judges_survive_being_written(tmp_path: Path) -> None:
    settings = project(HAIKU, LOCAL)
    path = save_project(settings, tmp_path / "p")
    again, notices = settings_from(tomllib.loads(path.read_text()), path)
    assert again.judges == settings.judges and not notices


def test_seats_and_their_names() -> None:
    assert seat_of("judge", "haiku") == "judge/haiku" and seat_of("target") == "target"
    assert role_of("judge/openai/gpt") == "judge" and role_of("optimizer") == "optimizer"
    assert named("judge/haiku") == "the judge haiku" and named("target") == "the target model"
    assert setting_of("judge/haiku") == "judges.haiku" and setting_of("judge") == "models.judge"


def test_judges_are_opened_only_if_matches_are_judged() -> None:
    settings = project(HAIKU, MINI)
    assert seats_in_use(settings, "tournament") == ("target",)
    seats = seats_in_use(settings, "optimize", {"judge"}, panel=True)
    assert seats == ("target", "optimizer", "judge", "judge/haiku", "judge/openai/gpt-4o-mini")
    assert seats_in_use(project(models={"judge": MINI}), "eval", panel=True) == ("target", "judge")
    with pytest.raises(SettingsError, match="there is no judge"):
        seats_in_use(project(), "tournament", panel=True)


def test_without_a_judge_model_checks_ask_the_first_of_the_judges() -> None:
    settings = project(HAIKU, MINI)
    assert model_of(settings, "judge") is settings.judges[0]
    assert model_of(settings, "judge/openai/gpt-4o-mini") is settings.judges[1]
    both = project(HAIKU, models={"judge": MINI})
    assert model_of(both, "judge").model == "openai/gpt-4o-mini"
    assert model_of(both, "judge/haiku") is both.judges[0]
    with pytest.raises(SettingsError, match="there is none"):
        model_of(project(), "judge")


async def test_a_judge_that_sits_in_two_places_has_one_limit(home: Path, tmp_path: Path) -> None:
    settings = project({"name": "a", "model": "sim/judge"}, {"name": "b", "model": "sim/judge"})
    wire = wire_for(tmp_path)
    endpoints = open_endpoints(settings, DATASET, ("target", "judge", "judge/a", "judge/b"), wire)
    assert endpoints["judge"] is endpoints["judge/a"] is not endpoints["judge/b"]
    assert describe(endpoints["judge/b"], "b").name == "b"
    await wire.close()


def test_a_judge_without_a_key_or_a_price_is_named(home: Path, tmp_path: Path) -> None:
    settings = project(HAIKU, {"name": "odd", "model": "openai/nobody-knows"}, budget={"usd": 1.0})
    with pytest.raises(ModelError, match="ANTHROPIC_API_KEY") as error:
        open_endpoints(settings, DATASET, ("judge/haiku",), wire_for(tmp_path))
    assert error.value.where == "judges.haiku"
    with pytest.raises(ModelError, match="price of openai/nobody-knows is unknown") as error:
        price_of(settings, "judge/odd")
    assert error.value.where == "judges.odd"


def test_a_judges_endpoint_needs_trust_and_a_rehearsal_needs_no_judge() -> None:
    settings = project({**LOCAL, "api_key_env": "LLM_KEY"})
    found = powers(settings, [CASE], Path())
    assert [(power.kind, power.where) for power in found] == [("key", "judges.local.api_key_env")]
    rehearsed = simulated(settings)
    assert rehearsed.judges[0].model == "sim/judge" and rehearsed.judges[0].name == "local"
    assert not powers(rehearsed, [CASE], Path()) and rehearsed.simulated


def test_what_a_judge_refuses_is_told_by_its_name() -> None:
    state = RunState()
    for judge in ("", "haiku"):
        state.apply(ev.EndpointMoved(role="judge", judge=judge, at_once=2, most=16, refused=3), 1.0)
    assert set(state.endpoints) == {"judge", "judge haiku"}
    said = [line.text for line in state.activity]
    assert said[0].startswith("the judge model refuses") and said[1].startswith("the judge haiku refuses")
