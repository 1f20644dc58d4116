"""The example tasks: complete, varied, right by their own checks, and copied as they are."""

import asyncio
import json
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.dataset import Dataset
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.prospects import data_faults, failing_references
from promptopt.examples import example_dir, example_names, examples, experiment_file
from promptopt.experiments.config import load_experiment
from promptopt.experiments.planning import make_plan
from promptopt.store.casefiles import LoadedData, load_dataset
from promptopt.store.projects import Project, load_project
from promptopt.store.trust import powers
from tests.unit.command_line import CommandLine

NAMES = example_names()


def loaded(name: str) -> tuple[Project, LoadedData]:
    project = load_project(example_dir(name))
    return project, load_dataset(project.settings, project.dir)


def rows(name: str) -> list[dict[str, Any]]:
    lines = (example_dir(name) / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_there_are_many_of_different_kinds() -> None:
    assert len(NAMES) >= 6 and "demo" not in NAMES
    kinds = {check.type for name in NAMES for check in loaded(name)[0].settings.checks}
    assert {"exact", "list_f1", "json_fields", "number", "rouge", "length", "contains", "assertion"} <= kinds
    for each in examples():
        assert 60 <= each.cases <= 120 and each.about.endswith(".") and len(each.about) < 120


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_sound(name: str) -> None:
    project, data = loaded(name)
    assert project.settings.name == name and not project.notices and not data.notices
    assert len(data.dataset.test) >= 18, "enough for a verdict"
    assert len(project.settings.prompt) < 120, "there has to be room for a better one"
    assert project.settings.budget.usd
    assert not powers(project.settings, data.dataset.cases(), project.dir), "needs no trust"
    cases = list(data.dataset.cases())
    tags = Counter(tag for case in cases for tag in case.tags)
    assert len(tags) >= 4 and all(case.tags for case in cases)
    starts = {" ".join(case.input_text.split()[-5:]) for case in cases}
    assert len(starts) > 0.95 * len(cases), "no template"


@pytest.mark.parametrize("name", NAMES)
def test_every_reference_passes_its_own_checks(name: str) -> None:
    project, data = loaded(name)

    async def faults() -> list[str]:
        judge = build_judge(project.settings, project.dir, data.dataset.cases())
        try:
            failing = await failing_references(judge, data.dataset.cases())
        finally:
            await judge.close()
        return [prospect.text for prospect in data_faults(data.dataset, failing)]

    assert asyncio.run(faults()) == []


def spelled(values: list[int], first: int, last: int) -> str:
    """A field of a cron expression as the example's task wants it."""
    every = list(range(first, last + 1))
    if values == every:
        return "*"
    for step in range(2, last - first + 1) if last > 6 else ():
        if values == every[::step] and len(values) > 1:
            return f"*/{step}"
    if len(values) >= 3 and values == list(range(values[0], values[-1] + 1)):
        return f"{values[0]}-{values[-1]}"
    return ",".join(map(str, values))


def meant(field: str, first: int, last: int) -> list[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = span.partition("-")
        start, end = (first, last) if low == "*" else (int(low), int(high or low))
        found |= set(range(start, end + 1, int(step or 1)))
    assert found and min(found) >= first and max(found) <= last, field
    return sorted(found)


def test_cron_expressions_are_spelled_as_the_task_says() -> None:
    bounds = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
    for row in rows("cron"):
        fields = row["cron"].split(" ")
        for field, (first, last) in zip(fields, bounds, strict=True):
            if "/" in field and "-" in field:
                continue
            assert field == spelled(meant(field, first, last), first, last), row


def test_reservations_are_of_the_form_that_the_task_names() -> None:
    for row in rows("reservations"):
        day, received = row["received"].split(", ")
        assert date.fromisoformat(received).strftime("%A") == day
        found = row["reservation"]
        assert list(found) == ["name", "date", "time", "people", "table", "phone"]
        assert date.fromisoformat(found["date"]) >= date.fromisoformat(received)
        assert re.fullmatch(r"[0-2]\d:[0-5]\d", found["time"]) and found["people"] >= 1
        assert found["table"] in ("inside", "outside", None)
        digits = re.sub(r"[^\d+]", "", row["message"])
        assert found["phone"] is None or found["phone"] in digits
        assert found["name"] in row["message"]


def test_topics_of_reports_are_known_and_in_order() -> None:
    known = {"lighting", "noise", "parking", "parks", "roads", "waste", "water"}
    counts: Counter[str] = Counter()
    for row in rows("routing"):
        topics = row["topics"].split(", ")
        assert topics == sorted(topics) and (set(topics) <= known or topics == ["none"])
        counts.update(topics)
    assert counts.keys() == known | {"none"} and min(counts.values()) >= 8


def test_reviews_are_balanced() -> None:
    counts = Counter(row["label"] for row in rows("sentiment"))
    assert counts.keys() == {"positive", "negative", "neutral", "mixed"}
    assert max(counts.values()) - min(counts.values()) <= 3


def test_the_experiment_is_over_all_of_them_and_needs_no_key_if_simulated(home: Path) -> None:
    plan = make_plan(load_experiment("examples"), simulate=True)
    assert set(plan.sources) == set(NAMES) and plan.simulated
    assert len(plan.cells) == 7 * 3 * (2 + 4), "each search has as much to spend as the others"
    each = plan.capped(plan.cells[-1], {}).budget.usd
    assert plan.limits["usd"] == 40 and each and 0.3 < each < 0.4
    assert plan.output_dir == Path.cwd() / "promptopt-examples"
    assert experiment_file().exists()
    assert isinstance(next(iter(plan.sources.values())).dataset, Dataset)


def test_new_lists_and_copies_them(cli: CommandLine) -> None:
    listed = cli("new", "--example", "list")
    assert all(name in listed.out for name in NAMES)
    made = Path(cli("new", "--example", "cron").out.strip())
    assert made.read_bytes() == (example_dir("cron") / "project.toml").read_bytes()
    other = Path(cli("new", 'My "own"', "--example", "notices").out.strip())
    assert load_project(other).settings.name == 'My "own"'
    assert "# To learn from it" in other.read_text(encoding="utf-8")
    assert (other.parent / "cases.jsonl").read_bytes() == (
        example_dir("notices") / "cases.jsonl"
    ).read_bytes()
    again = cli("new", "--example", "cron")
    assert again.status == 2 and "already" in again.err
    wrong = cli("new", "x", "--example", "corn")
    assert wrong.status == 2 and "there are: arithmetic, cron" in wrong.err
    both = cli("new", "x", "--example", "cron", "--from", "y.csv")
    assert both.status == 2 and "--example and --from" in both.err
    assert cli("new").status == 2
