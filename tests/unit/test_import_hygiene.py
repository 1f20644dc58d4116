"""What each way in imports: start-up time is kept by what is left out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from promptopt.store.database import Database
from tests.unit.finished_run import finished_run

HEAVY = ("litellm", "dspy", "textual", "scipy", "sqlalchemy", "pydantic", "numpy", "pyarrow")
DSPYS = tuple(
    f"promptopt.optimizers.dspy_adapter.{name}" for name in ("metrics", "models", "program", "programs")
)
"""DSPy's own side of the bridge, which is DSPy's classes: imported when one of its optimizers searches."""

ENGINE_ONLY = ("litellm", "dspy", "scipy", "numpy", "pyarrow", "opentelemetry", "matplotlib")


def loaded_after(code: str, names: tuple[str, ...], home: Path) -> set[str]:
    """Which of ``names`` a new process has imported after ``code``."""
    script = f"import sys, json\n{code}\nprint(json.dumps([n for n in {names!r} if n in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=_environment(home)
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "PROMPTOPT_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}


def command(*arguments: str) -> str:
    return (
        f"sys.argv = ['promptopt', *{list(arguments)!r}]\n"
        "from promptopt.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("run", "--help")])
def test_help_imports_nothing_heavy(home: Path, arguments: tuple[str, ...]) -> None:
    assert loaded_after(command(*arguments), HEAVY, home) == set()


MORE = ("alembic", "promptopt.models", "promptopt.runs", "promptopt.evaluation", "promptopt.optimizers")


def test_the_list_of_runs_imports_the_store_alone(home: Path) -> None:
    assert loaded_after(command("runs"), (*HEAVY, *MORE), home) == {"sqlalchemy"}


def test_the_list_of_projects_imports_their_settings_alone(home: Path) -> None:
    names = (*HEAVY, *MORE, "promptopt.domain.events", "promptopt.domain.dataset")
    assert loaded_after(command("projects"), names, home) == {"pydantic"}


def test_showing_a_run_imports_its_events_and_no_cases_settings_or_commands(
    home: Path, tmp_path: Path
) -> None:
    finished_run(Database.open(), tmp_path)
    others = ("domain.dataset", "domain.settings", "store.commands", "cli.follow")
    names = (*HEAVY, "alembic", "promptopt.models", *(f"promptopt.{name}" for name in others))
    for arguments in (("show",), ("show", "--json")):
        assert loaded_after(command(*arguments), names, home) == {"sqlalchemy", "pydantic"}


def test_the_package_itself_imports_nothing(home: Path) -> None:
    assert loaded_after("import promptopt", HEAVY, home) == set()


def test_the_terminal_ui_imports_no_model_library(home: Path) -> None:
    assert loaded_after("import promptopt_tui.app", ENGINE_ONLY, home) == set()


def test_the_engine_never_imports_textual_and_no_module_imports_a_model_library(home: Path) -> None:
    everything = (
        "import importlib, pkgutil, promptopt\n"
        "for found in pkgutil.walk_packages(promptopt.__path__, 'promptopt.'):\n"
        f"    if not found.name.endswith(('.__main__', '.migrations.env')) and found.name not in {DSPYS!r}:\n"
        "        importlib.import_module(found.name)\n"
    )
    names = (*ENGINE_ONLY, "textual", "promptopt_tui")
    assert loaded_after(everything, names, home) == set()


def test_where_a_proof_of_concept_stands_is_told_without_what_computes_it(home: Path) -> None:
    names = (*ENGINE_ONLY, "jinja2", "promptopt.optimizers", "promptopt.models", "promptopt.reporting")
    assert loaded_after("import promptopt.enterprise.poc.state", names, home) == set()


def test_each_public_name_is_there() -> None:
    import promptopt

    for name in promptopt.__all__:
        assert getattr(promptopt, name) is not None
    assert set(promptopt.__all__) <= set(dir(promptopt))
    with pytest.raises(AttributeError, match="nosuch"):
        _ = promptopt.nosuch  # type: ignore[attr-defined]
