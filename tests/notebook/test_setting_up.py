"""One call before work for a business: keys, models, a configuration, what is missing; nothing is spent."""

import getpass
import os
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from promptopt import ColabManager, EnterpriseConfig
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ModelSettings
from promptopt.domain.words import ROLES
from promptopt.enterprise import environment
from promptopt.enterprise.environment import current
from promptopt.models.defaults import DEFAULTS, models_of
from promptopt.models.keys import wanted_keys
from promptopt.models.prices import lookup_price
from promptopt.notebook import colab as colabs
from promptopt.notebook import machine, settingup, starting
from promptopt.notebook.machine import Machine
from promptopt.notebook.settingup import EXTRAS
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from tests.notebook.colab_double import install
from tests.unit.finished_run import finished_run

KEY = "sk-test-0123456789abcdef"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def manager() -> ColabManager:
    return ColabManager()


@pytest.fixture(autouse=True)
def apart(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """Nobody is at the keyboard, there is no keyring, the machine is large, and nothing is set up."""

    def nobody(_: str = "") -> str:
        raise EOFError

    before = dict(os.environ)
    monkeypatch.setattr(getpass, "getpass", nobody)
    monkeypatch.setitem(sys.modules, "keyring", None)
    monkeypatch.setattr(colabs, "machine", lambda: Machine(8, 32.0))
    starting._opened.cache_clear()
    environment._current.clear()
    yield
    environment._current.clear()
    for keeper in colabs._KEPT.values():
        keeper._over.set()
    colabs._KEPT.clear()
    os.environ.clear()
    os.environ.update(before)


def test_without_any_key_the_simulator_stands_in_and_is_labelled(
    manager: ColabManager, capsys: pytest.CaptureFixture[str]
) -> None:
    made = manager.setup_enterprise_environment()
    assert made.simulated and set(made.models) == {"target", "optimizer", "judge", "generator"}
    assert current() is made and made.config is None and made.budget == {"usd": settingup.BUDGET_USD}
    said = capsys.readouterr().out
    assert "no key was found" in said and "SIMULATED" in said and "sim/generator" in said
    assert "SIMULATED" in repr(made) and max(map(len, said.splitlines())) < 160


def test_the_first_key_that_is_found_gives_the_models(
    manager: ColabManager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setenv("MISTRAL_API_KEY", KEY)
    made = manager.setup_enterprise_environment()
    assert {role: model["model"] for role, model in made.models.items()} == models_of("gemini")
    said = capsys.readouterr().out
    assert "gemini is the first whose key was found" in said and "GEMINI_API_KEY: environment" in said
    assert not made.simulated and "SIMULATED" not in said and KEY not in said + repr(made) + str(made.models)


@pytest.mark.parametrize("provider", DEFAULTS)
def test_default_models_have_a_price_and_a_key_that_is_known(provider: str) -> None:
    for role, name in models_of(provider).items():
        settings = ModelSettings(model=name)
        assert role in ROLES and lookup_price(settings) is not None and wanted_keys(settings)


def test_models_that_are_named_are_taken_and_their_keys_asked_for(
    manager: ColabManager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def typed(question: str) -> str:
        asked.append(question.split()[0])
        return KEY if "ANTHROPIC" in question else ""

    monkeypatch.setattr(getpass, "getpass", typed)
    models: Any = {
        "target": {"model": "openai/gpt-4o-mini", "temperature": 0},
        "optimizer": "anthropic/claude-opus-4-5",
    }
    made = manager.setup_enterprise_environment(models=models)
    assert made.models["target"] == models["target"]
    assert {made.models[role]["model"] for role in ("optimizer", "judge", "generator")} == {
        models["optimizer"]
    }
    assert asked == ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"] and os.environ["ANTHROPIC_API_KEY"] == KEY
    said = capsys.readouterr().out
    assert "✗ key           OPENAI_API_KEY: missing" in said and "ANTHROPIC_API_KEY: typed in" in said
    assert KEY not in said
    asked.clear()
    manager.setup_enterprise_environment(models="sim/target")
    assert not asked and current() is not made
    assert current().models["judge"] == {"model": "sim/judge"}  # type: ignore[union-attr]


def test_a_price_that_is_unknown_is_told(manager: ColabManager, capsys: pytest.CaptureFixture[str]) -> None:
    manager.setup_enterprise_environment(models="openai/house-model", ask=False)
    said = capsys.readouterr().out
    assert re.search(r"✗ price +of openai/house-model is unknown", said)


@pytest.mark.parametrize(
    ("models", "said"),
    [({"targt": "a/b"}, "found the role 'targt'"), ({"judge": "a/b"}, "found no target model")],
)
def test_roles_that_are_none(manager: ColabManager, models: Any, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        manager.setup_enterprise_environment(models=models)
    assert current() is None


def test_a_configuration_gives_budget_and_scenarios(
    manager: ColabManager, capsys: pytest.CaptureFixture[str]
) -> None:
    made = manager.setup_enterprise_environment(ROOT / "tests" / "enterprise_config.yaml")
    assert made.config == EnterpriseConfig.load(ROOT / "tests" / "enterprise_config.yaml")
    assert made.budget == {"usd": 500}
    said = capsys.readouterr().out
    assert "customer_support: 1 judged, 2 recorded; 200 cases" in said and "poc_budget" in said
    assert manager.create_business_context_wizard().company == "Acme Corp"
    assert "the organization of the configuration" in capsys.readouterr().out
    with pytest.raises(SettingsError, match="no such company file"):
        manager.setup_enterprise_environment("none.yaml")
    assert current() is made


def test_a_small_machine_makes_fewer_calls_at_once(
    manager: ColabManager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(colabs, "machine", lambda: Machine(2, 12.7))
    made = manager.setup_enterprise_environment()
    assert made.models["target"]["max_concurrency"] == machine.CALLS_AT_ONCE["target"]
    assert "a small machine (2 cores" in capsys.readouterr().out


def test_extras_are_those_of_the_package(
    manager: ColabManager, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    for extra, modules in EXTRAS.items():
        named = {re.split("[<>=[ ]", each)[0].replace("-", "_") for each in said[extra]}
        assert {settingup.DISTRIBUTIONS.get(module, module) for module in modules} == named
    monkeypatch.setattr(settingup, "find_spec", lambda name: None if name == "anywidget" else find_spec("re"))
    manager.setup_enterprise_environment()
    out = capsys.readouterr().out
    assert "need anywidget: pip install 'promptopt[notebook]'" in out and "promptopt[reports]" not in out


def test_in_colab_the_store_comes_back_and_is_kept(
    manager: ColabManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drive = tmp_path / "content" / "drive"
    monkeypatch.setattr(colabs, "DRIVE", str(drive))
    monkeypatch.setattr(colabs, "MY_DRIVE", str(drive / "MyDrive"))
    colab = install(monkeypatch, tmp_path)
    colab.secrets = {"ANTHROPIC_API_KEY": KEY}
    made = manager.setup_enterprise_environment()
    assert made.models["target"]["model"].startswith("anthropic/") and colab.mounted == [str(drive)]
    said = capsys.readouterr().out
    assert "ANTHROPIC_API_KEY: Colab's secrets" in said and "there is no snapshot" in said
    assert list((drive / "MyDrive" / "promptopt").glob("snapshot-*.zip")) and KEY not in said

    database = Database.open()
    finished_run(database, tmp_path)
    database.close()
    colabs._KEPT[drive / "MyDrive" / "promptopt"].save()
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path / "another"))
    starting._opened.cache_clear()
    manager.setup_enterprise_environment()
    assert "the store of the last session" in capsys.readouterr().out
    database = Database.open()
    assert len(Runs(database).list()) == 1
    database.close()
    manager.setup_enterprise_environment()  # there are runs here now: they stay
    assert "recovered     nothing: there are runs" in capsys.readouterr().out
