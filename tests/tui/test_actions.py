"""The registry of actions, and what is made from it."""

from collections import Counter
from pathlib import Path

import pytest

import promptopt_tui
from promptopt_tui.actions import ACTIONS, BY_ID, PANELS, SCOPES, bindings, help_table, markdown, shown
from promptopt_tui.app import PromptoptApp
from promptopt_tui.screens.comparing import CompareScreen
from promptopt_tui.screens.deployments import DeploymentsScreen
from promptopt_tui.screens.editor import EditScreen
from promptopt_tui.screens.home import HomeScreen
from promptopt_tui.screens.made import MadeScreen
from promptopt_tui.screens.project.screen import ProjectScreen
from promptopt_tui.screens.proof import ProofScreen
from promptopt_tui.screens.queue import QueueScreen
from promptopt_tui.screens.result import ResultScreen
from promptopt_tui.screens.reviewing import ReviewScreen
from promptopt_tui.screens.run import RunScreen
from promptopt_tui.widgets.calls import CallsPanel
from promptopt_tui.widgets.cases import CasesPanel
from promptopt_tui.widgets.drafts import DraftsPanel
from promptopt_tui.widgets.form import Form
from promptopt_tui.widgets.heat import HeatPanel
from promptopt_tui.widgets.panels import ErrorsPanel
from promptopt_tui.widgets.table import SortableTable, Table
from promptopt_tui.widgets.tail import Tail

OWNERS = {
    "anywhere": PromptoptApp,
    "home": HomeScreen,
    "run": RunScreen,
    "lists": Table,
    "sorting": SortableTable,
    "cases": CasesPanel,
    "errors": ErrorsPanel,
    "log": Tail,
    "calls": CallsPanel,
    "heat": HeatPanel,
    "drafts": DraftsPanel,
    "queue": QueueScreen,
    "made": MadeScreen,
    "editor": EditScreen,
    "project": ProjectScreen,
    "form": Form,
    "review": ReviewScreen,
    "proof": ProofScreen,
    "result": ResultScreen,
    "deployments": DeploymentsScreen,
    "compare": CompareScreen,
}
# On terminals without the kitty protocol these are other keys, or the browser and the notebook take them.
FORBIDDEN = {f"ctrl+{letter}" for letter in "mhibwtnq"}


def test_the_documented_keys_are_the_registry() -> None:
    documented = (Path(promptopt_tui.__file__).parent / "KEYS.md").read_text("utf-8")

    assert documented == markdown()


def test_every_action_has_a_method_where_its_keys_are_bound() -> None:
    for action in ACTIONS:
        assert hasattr(OWNERS[action.scope], f"action_{action.method}"), action.id


@pytest.mark.parametrize("scope", SCOPES)
def test_no_key_has_two_meanings_in_one_place(scope: str) -> None:
    keys = Counter(key for action in ACTIONS if action.scope == scope for key in action.keys)

    assert not [key for key, times in keys.items() if times > 1]


def test_no_forbidden_key_is_bound() -> None:
    bound = {key for action in ACTIONS for key in action.keys}
    for owner in OWNERS.values():
        bound |= {key for binding in owner.BINDINGS for key in getattr(binding, "key", "").split(",")}

    assert not bound & FORBIDDEN
    assert "ctrl+q" not in PromptoptApp._merge_bindings().key_to_bindings


def test_the_help_has_every_action_once() -> None:
    told = [what for _, rows in help_table() for _, what in rows]

    assert sorted(told) == sorted(action.help for action in ACTIONS)


def test_number_keys_are_bound_one_by_one() -> None:
    numbers = [binding for binding in bindings("run") if binding.action.startswith("panel(")]

    assert [binding.key for binding in numbers] == [*"1234567890"]
    assert [binding.action for binding in numbers] == [f"panel({n})" for n in range(1, len(PANELS) + 1)]
    assert BY_ID["run.panel"].key_names == "1–0"


def test_the_key_line_is_in_order() -> None:
    places = [action.show for action in shown(["run", "anywhere"])]

    assert places == sorted(places)
    assert 0 not in places
