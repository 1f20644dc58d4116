"""The README tells what the code does: settings, options, commands, key bindings, its own examples."""

import re
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from promptopt.cli.below import BELOW
from promptopt.cli.commands import COMMANDS
from promptopt.cli.tournaments import Means, Rules
from promptopt.domain import settings as s
from promptopt.domain.compliance import ComplianceSettings
from promptopt.enterprise import BusinessContext, EnterpriseConfig, packs
from promptopt.evaluation.checks import CHECKS
from promptopt.evaluation.checks.options import option_names
from promptopt.experiments import config
from promptopt.experiments.config import load_experiment
from promptopt.experiments.planning import make_plan
from promptopt.optimizers.grpo.options import GrpoOptions
from promptopt.optimizers.refine import RefineOptions
from promptopt.store.database import Database
from promptopt.store.export import Format
from promptopt.store.projects import settings_from
from promptopt.tournament.config import TournamentConfig
from promptopt_tui.actions import help_table
from tests.unit.finished_run import BEST, finished_run

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

TABLES: dict[str, type[BaseModel]] = {
    "Top level": s.ProjectSettings,
    "[task]": s.TaskSettings,
    "[[task.constraints]]": s.ConstraintSettings,
    "[models.target], [models.optimizer]": s.ModelSettings,
    "[optimizer]": RefineOptions,
    "[optimizer], grpo": GrpoOptions,
    "[data]": s.DataSettings,
    "[evaluation]": s.EvaluationSettings,
    "[[checks]]": s.CheckSettings,
    "[cache]": s.CacheSettings,
    "[telemetry]": s.TelemetrySettings,
    "[compliance]": ComplianceSettings,
}


def section(title: str) -> str:
    found = re.search(rf"^###? {re.escape(title)}\n(.*?)(?=^##|\Z)", README, re.DOTALL | re.MULTILINE)
    assert found, f"the README has no section {title!r}"
    return found.group(1)


def rows(title: str) -> dict[str, str]:
    """Key to default, from the first table of a section."""
    table = section(title).partition("| --- | --- | --- |\n")[2].partition("\n\n")[0]
    cells = [line.split(" | ") for line in table.splitlines()]
    return {row[0].strip("| `"): row[1].strip() for row in cells}


def shown(field: FieldInfo, name: str) -> str:
    """A default as the README writes it."""
    if field.is_required():
        return "required"
    value: Any = field.get_default(call_default_factory=True)
    if name == "name" and value == "" and field.annotation is str:
        return '`""`'
    if value is None:
        return "–"
    if isinstance(value, BaseModel):
        return "table"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, str):
        return f'`"{value}"`'
    return f"`{list(value)}`" if isinstance(value, tuple) else f"`{value}`"


@pytest.mark.parametrize("title", TABLES)
def test_the_reference_has_every_key_with_its_default(title: str) -> None:
    fields = TABLES[title].model_fields
    expected = {name: shown(field, name) for name, field in fields.items()}
    if title == "Top level":
        expected["models"] = "table"  # a table per role; the file must have one of them
    if title == "[optimizer]":
        expected["name"] = '`"refine"`'
    if title == "[optimizer], grpo":
        expected["name"] = '`"grpo"`'
    assert rows(title) == expected


def test_the_keys_of_a_judge_are_told_beside_those_of_a_model() -> None:
    own = s.JudgeSettings.model_fields.keys() - s.ModelSettings.model_fields.keys()
    expected = {
        name: shown(field, name) for name, field in s.JudgeSettings.model_fields.items() if name in own
    }
    assert rows("[[judges]]") == expected


def test_every_option_of_a_tournament_is_told() -> None:
    told = section("Commands") + section("Tournaments")
    for option in (*Rules.__dataclass_fields__, *Means.__dataclass_fields__):
        assert f"`--{option}" in told, option
    for field in ("format", "judging", "voting"):
        for choice in TournamentConfig.model_fields[field].annotation.__args__:  # type: ignore[union-attr]
            assert re.search(rf"[` ]{choice}`", section("Tournaments")), choice


def test_every_cap_is_told() -> None:
    for name in s.BudgetSettings.model_fields:
        assert f"`{name}`" in section("[budget]")


def test_every_key_of_an_experiment_is_told_with_its_default() -> None:
    table = rows("Experiments")
    told = {name for key in table for name in key.split("`, `")}
    for name, field in config.ExperimentFile.model_fields.items():
        part = {"experiment": config.About, "evaluation": config.EvaluationPart}.get(name)
        if part is None:
            assert name in told
        else:
            for key, inner in part.model_fields.items():
                assert table[f"{name}.{key}"] == shown(inner, key).replace("'", '"'), key
        assert field


def test_the_experiment_of_the_readme_is_one(tmp_path: Path, home: Path) -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", section("Experiments"), re.DOTALL)
    (tmp_path / "data").mkdir()
    for at, name in enumerate(("train", "val", "test")):
        lines = [f'{{"input": "{name} {n}", "expected": "low"}}\n' for n in range(10 + at)]
        (tmp_path / "data" / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "experiment.yaml").write_text(text, encoding="utf-8")
    plan = make_plan(load_experiment(str(tmp_path / "experiment.yaml")), simulate=True)
    assert {cell.label for cell in plan.cells} == {"none", "refine", "patient"} and plan.limits == {"usd": 20}


def test_the_company_of_the_readme_is_one_and_all_constraints_are_told(tmp_path: Path) -> None:
    told = section("A company and its rules")
    (text,) = re.findall(r"```yaml\n(.*?)```", told, re.DOTALL)
    path = tmp_path / "company.yaml"
    path.write_text(text, encoding="utf-8")
    assert EnterpriseConfig.load(path).context("internal_email").max_words == 199
    for key in (*packs.packs(), *BusinessContext.model_fields.keys() - {"example"}):
        assert f"`{key}`" in told, key


def test_every_check_and_every_option_is_told() -> None:
    told = {line.split("`")[1]: line for line in section("[[checks]]").splitlines() if line.startswith("| `")}
    for name, check in CHECKS.items():
        for option in option_names(check):
            assert f"`{option}`" in told[name], f"check {name}"


def test_every_command_and_format_is_told() -> None:
    for command in COMMANDS:
        assert f"promptopt {command.name}" in section("Commands")
    for name, commands in BELOW.items():
        for command in commands:
            assert f"{name} {command.name}" in section("Commands")
    for form in Format.__args__:
        assert re.search(rf"\b{form}\b", section("Commands"))


def test_the_keys_of_a_run_are_those_of_the_terminal_ui() -> None:
    table = section("Keys of the terminal UI").partition("| --- | --- |\n")[2].partition("\n\n")[0]
    expected = [
        f"| {' '.join(f'`{key}`' for key in keys.split())} | {what} |"
        for keys, what in dict(help_table())["A run"]
    ]
    assert table.splitlines() == expected


def test_the_set_up_commands() -> None:
    assert "```\npip install . && promptopt demo\n```" in README
    assert '```\npip install -e ".[dev]" && pytest -n auto\n```' in README


def test_the_example_project_is_one() -> None:
    text, _ = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    settings, notices = settings_from(tomllib.loads(text), Path("README.md"))
    assert settings.models["target"].max_tokens == 64 and not notices


def test_the_python_example_runs(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_run(Database.open(), tmp_path)
    _, code = re.findall(r"```python\n(.*?)```", section("From Python"), re.DOTALL)
    exec(code, {})
    assert BEST.id in capsys.readouterr().out


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"])
def test_files_that_are_named_are_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for path in re.findall(r"`((?:core|promptopt_tui|themes|tests|\.ci)/[\w./]+)`", text):
        assert (ROOT / path).exists(), path


def test_the_pictures_are_there() -> None:
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)

    assert len(pictures) >= 4
    for picture in pictures:
        path = ROOT / unquote(picture)
        assert path.is_file() and path.read_text("utf-8").startswith("<svg"), picture
