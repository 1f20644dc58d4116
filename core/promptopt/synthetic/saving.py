"""Made-up cases as files and as projects, with where each comes from."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from promptopt.domain.dataset import SPLITS, Dataset, Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import BudgetSettings, ModelSettings, ProjectSettings
from promptopt.domain.words import Role
from promptopt.store.newcases import DEFAULT_TARGET
from promptopt.store.newprojects import folder_for
from promptopt.store.projects import FILE, save_project, settings_from, write_file
from promptopt.synthetic.scenarios import Scenario

CASES = "cases.jsonl"

FORMATS = (".jsonl", ".json", ".csv")

_FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")

SIMULATED: dict[Role, ModelSettings] = {
    "target": ModelSettings(model="sim/target"),
    "optimizer": ModelSettings(model="sim/optimizer"),
}


@dataclass(frozen=True)
class Origin:
    """Where made-up cases come from.

    Attributes:
        model: that made them up.
        run_id: the run in which it did.
        simulated: the model is a simulation.
    """

    model: str
    run_id: str
    simulated: bool = False

    def as_json(self) -> dict[str, Any]:
        """As each row of a file has it."""
        return {"generated_by": self.model, "run": self.run_id, "simulated": self.simulated}


def rows_of(dataset: Dataset, origin: Origin | None = None) -> Iterator[dict[str, Any]]:
    """The cases as rows, each with its split, if cases were held back, and its origin."""
    for case, split in _placed(dataset):
        row: dict[str, Any] = {"id": case.id, **case.inputs}
        if case.expected is not None:
            row["expected"] = case.expected
        if case.checks:
            row["checks"] = list(case.checks)
        if case.tags:
            row["tags"] = list(case.tags)
        if case.group is not None:
            row["group"] = case.group
        if split:
            row["split"] = split
        yield row | ({"provenance": origin.as_json()} if origin else {})


def content_of(dataset: Dataset, form: str, origin: Origin | None = None) -> bytes:
    """The cases as the content of a file.

    Args:
        form: one of ``FORMATS``. A CSV file can't hold the checks of single cases: those are left out.

    Raises:
        SettingsError: there is no such format.
    """
    rows = list(rows_of(dataset, origin))
    if form == ".jsonl":
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    if form == ".json":
        return (json.dumps(rows, ensure_ascii=False, indent=1) + "\n").encode()
    if form != ".csv":
        raise SettingsError(
            f"cases can't be written as {form!r}",
            where="out",
            fix=f"give a file that ends in {', '.join(FORMATS)}",
        )
    flat = [_flat(row) for row in rows]
    columns = list(dict.fromkeys(name for row in flat for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue().encode("utf-8-sig")


def hint_of_formulas(dataset: Dataset, path: Path) -> str:
    """Of a CSV file with cells that a spreadsheet may take for formulas, that it has them; else empty.

    The cells stay as they are: a mark put before them would be sent to a model with the case.
    """
    if path.suffix.lower() != ".csv":
        return ""
    cells = (str(value) for row in rows_of(dataset) for value in _flat(row).values())
    count = sum(cell.startswith(_FORMULA_SIGNS) for cell in cells)
    if not count:
        return ""
    begin = "1 cell begins" if count == 1 else f"{count:,} cells begin"
    return (
        f"{begin} with =, +, -, @, a tab or a carriage return, which a spreadsheet may take for a formula; "
        "the text stays as it is; .jsonl and .json have no such problem"
    )


def save_cases(
    dataset: Dataset, path: Path, origin: Origin | None = None, *, overwrite: bool = False
) -> Path:
    """Write the cases into a file: JSON Lines, JSON or CSV, by its name.

    Raises:
        SettingsError: its name tells no format, it is there already, or can't be written.
    """
    content = content_of(dataset, path.suffix.lower(), origin)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, content, overwrite=overwrite)
    except OSError as error:
        raise SettingsError(
            f"the file can't be written ({error.strerror or error})", where=str(path)
        ) from error
    return path


def project_of(
    scenario: Scenario,
    name: str,
    models: Mapping[Role, ModelSettings] | None = None,
    budget: BudgetSettings | None = None,
) -> ProjectSettings:
    """The settings of a project for a scenario, with its cases in ``CASES``.

    Args:
        models: without a target the usual one; with a judge the scenario's rubric is a check too.
    """
    chosen = {
        role: model.model_dump(mode="json", exclude_unset=True) for role, model in (models or {}).items()
    }
    raw: dict[str, Any] = {
        "name": name,
        "prompt": scenario.prompt,
        "task": scenario.task(),
        "models": {"target": {"model": DEFAULT_TARGET}, **chosen},
        "budget": (budget or BudgetSettings(usd=1.0)).model_dump(mode="json", exclude_none=True),
        "data": {"file": CASES, "input": "input"},
        "checks": scenario.checks_for(judged=bool(models and "judge" in models)),
    }
    return settings_from(raw, Path(FILE))[0]


def save_as_project(
    dataset: Dataset,
    scenario: Scenario,
    name: str,
    models: Mapping[Role, ModelSettings] | None = None,
    origin: Origin | None = None,
) -> Path:
    """Make a project of made-up cases in the data directory. Returns its project file.

    Args:
        models: as :func:`project_of`; None: the simulator's if it made the cases up.

    Raises:
        SettingsError: the name can't be used, or is taken.
    """
    chosen = SIMULATED if models is None and origin is not None and origin.simulated else models
    settings = project_of(scenario, name, chosen)
    if any(case.expected is not None for case in dataset.cases()):
        settings = settings.model_copy(
            update={"data": settings.data.model_copy(update={"expected": "expected"})}
        )
    return save_project(settings, folder_for(name), {CASES: content_of(dataset, ".jsonl", origin)})


def _placed(dataset: Dataset) -> Sequence[tuple[Example, Split | None]]:
    if not dataset.held_back:
        return [(case, None) for case in dataset.cases()]
    return [(case, split) for split in SPLITS for case in dataset[split]]


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in row.items() if name not in ("checks", "provenance")}
    if "tags" in found:
        found["tags"] = "; ".join(found["tags"])
    return found | dict(row.get("provenance", {}))
