"""The registry and `promptopt optimizers`: ours, those of packages, and what can't be loaded."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from promptopt.domain.describing import attribute_docs, settings_of
from promptopt.domain.errors import SettingsError
from promptopt.optimizers import registry
from promptopt.optimizers.base import OptimizerOptions
from promptopt.optimizers.refine import RefineOptions
from tests.loopback import write_project
from tests.packages import install
from tests.unit.command_line import CommandLine

GOOD = '''
from promptopt.optimizers.base import BaseOptimizer

class Still(BaseOptimizer):
    """Does nothing at all.

    More of it is told here.
    """
    name = "still"
    async def search(self, context): ...

class Half(BaseOptimizer):
    name = "half"

class Nameless(BaseOptimizer):
    async def search(self, context): ...

def function(): ...
'''


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        tmp_path / "site",
        monkeypatch,
        "others",
        {"others_good": GOOD, "others_bad": "import nosuchlibrary", "others_exit": "raise SystemExit(3)"},
        {
            "still": "others_good:Still",
            "half": "others_good:Half",
            "nameless": "others_good:Nameless",
            "function": "others_good:function",
            "gone": "others_good:Gone",
            "bad": "others_bad:Any",
            "leaves": "others_exit:Any",
            "refine": "others_good:Still",
        },
    )


def test_each_of_ours_loads_and_says_what_it_does() -> None:
    for name in registry.OURS:
        found = registry.one(name)
        assert found.optimizer and found.optimizer.name == name
        assert found.summary and not found.package
        assert all(setting.doc for setting in settings_of(found.optimizer.Options)), name


def test_optimizers_of_packages_are_listed_and_what_does_not_load_says_why(packages: None) -> None:
    found = {each.name: each for each in registry.listed()}
    assert found["still"].summary == "Does nothing at all."
    assert (found["still"].package, found["still"].place) == ("others 1.0", "others_good:Still")
    assert "ModuleNotFoundError: No module named 'nosuchlibrary'" in found["bad"].fault
    assert "SystemExit" in found["leaves"].fault
    assert found["half"].fault == "it lacks search"
    assert found["nameless"].fault == "it has no name"
    assert "no subclass" in found["function"].fault
    assert "AttributeError" in found["gone"].fault
    assert not found["refine"].package, "ours can't be replaced"


def test_one_that_does_not_load_is_a_clear_error(packages: None) -> None:
    with pytest.raises(SettingsError, match="nosuchlibrary") as failure:
        registry.find("bad")
    assert "others 1.0" in failure.value.fix and "others_bad:Any" in failure.value.fix


def test_the_list(cli: CommandLine, packages: None) -> None:
    done = cli("optimizers")
    assert done.status == 0
    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert "others 1.0" in lines["still"] and "promptopt" in lines["refine"]
    assert "bad" not in lines and "bad (others_bad:Any of others 1.0) can't be loaded" in done.err
    (found,) = cli("optimizers", "--json").objects
    assert {each["name"]: bool(each["error"]) for each in found}["bad"]


def test_the_settings_of_one(cli: CommandLine) -> None:
    told = cli("optimizers", "refine").out
    for name in RefineOptions.model_fields:
        assert name in told
    (found,) = cli("optimizers", "refine", "--json").objects
    rounds = next(each for each in found["settings"] if each["name"] == "max_iterations")
    assert rounds == {
        "name": "max_iterations",
        "type": "whole number, from 1",
        "required": False,
        "default": 20,
        "doc": "most rounds of proposals.",
        "kind": "whole",
        "choices": [],
        "bounds": {"ge": 1},
    }


def test_which_one_to_try_first_for_a_project(cli: CommandLine, tmp_path: Path) -> None:
    path = write_project(tmp_path / "p", "http://127.0.0.1:9", (4, 4, 2))
    told = cli("optimizers", "--for", str(path), "--json")
    (found,) = told.objects
    assert told.status == 0 and found["optimizer"] == "refine" and "8 cases are few" in found["why"]
    assert "try refine first: 8 cases are few" in cli("optimizers", "--for", str(path)).out


def test_a_wrong_name_gets_a_hint(cli: CommandLine) -> None:
    done = cli("optimizers", "refin")
    assert done.status == 2 and "did you mean 'refine'" in done.err


def test_a_broken_package_does_not_get_in_the_way_of_others(cli: CommandLine, packages: None) -> None:
    assert cli("optimizers", "still").status == 0
    done = cli("optimizers", "bad")
    assert done.status == 2 and "can't be loaded" in done.err


class Inner(BaseModel):
    """Weights.

    Attributes:
        one: first.
    """

    one: float = 0.7


class Many(OptimizerOptions):
    """Settings.

    Attributes:
        low, high: bounds of
            something.
        kind: which one: this or that.

    Raises:
        nothing: is no setting.
    """

    low: float = Field(default=0.0, ge=0, lt=1)
    high: Annotated[float, Field(le=1)] = 1.0
    kind: Literal["this", "that"] = "this"
    names: tuple[str, ...] = ("a",)
    inner: Inner = Inner()
    limit: int | None = None
    wanted: bool
    told: str = Field(default="", description="told by the field itself")


def test_types_defaults_and_docs_in_the_words_of_a_project_file() -> None:
    found = {setting.name: setting for setting in settings_of(Many)}
    assert list(found) == ["seed", "low", "high", "kind", "names", "inner", "limit", "wanted", "told"]
    assert found["low"].type == "number, from 0 below 1" and found["low"].doc == "bounds of something."
    assert found["high"].type == "number, to 1" and found["high"].doc == found["low"].doc
    assert found["kind"].type == 'one of "this", "that"' and found["kind"].doc == "which one: this or that."
    assert (found["names"].type, found["names"].default) == ("list of text", ["a"])
    assert (found["inner"].type, found["inner"].default) == ("table with one", {"one": 0.7})
    assert (found["limit"].type, found["limit"].default) == ("whole number (optional)", None)
    assert found["wanted"].required and found["wanted"].type == "true or false"
    assert found["told"].doc == "told by the field itself"
    assert found["seed"].doc == "of everything random."
    assert "nothing" not in attribute_docs(Many)
