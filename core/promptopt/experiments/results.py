"""What an experiment has come to: the entries of its scoreboard, from the store."""

import json

from promptopt.domain.dataset import Split
from promptopt.evaluation.checks.reasons import lacks_verdict
from promptopt.experiments.planning import Cell, Plan
from promptopt.runs.outcomes import Outcome, outcome_of
from promptopt.runs.scoreboard import Entry, Scoreboard, scoreboard
from promptopt.store.database import Database
from promptopt.store.experiments import ExperimentRow, Experiments
from promptopt.store.runs import Runs


def frozen_plan(plan: Plan) -> str:
    """What ``show`` needs to know of a plan, as JSON."""
    return json.dumps(
        {
            "file": str(plan.path),
            "cells": [
                {
                    "dataset": cell.dataset,
                    "label": cell.label,
                    "seed": cell.seed,
                    "judge": cell.judge,
                    "split": plan.split(cell),
                }
                for cell in plan.cells
            ],
            "limits": dict(plan.limits),
            "run_limits": dict(plan.run_limits),
            "notices": list(plan.notices),
        },
        ensure_ascii=False,
    )


def results_of(database: Database, row: ExperimentRow) -> tuple[Scoreboard, list[Entry]]:
    """The scoreboard of an experiment, finished or not, and the runs that it is made of."""
    entries = entries_of(database, row)
    splits: list[Split] = [split for cell, split in planned(row) if not cell.judge]
    return scoreboard(entries, "test" if "test" in splits else "validation"), entries


def entries_of(database: Database, row: ExperimentRow) -> list[Entry]:
    """The runs of an experiment at their places; no figures are computed."""
    cells = planned(row)
    runs, experiments = Runs(database), Experiments(database)
    assigned = experiments.runs(row.id)
    found: dict[Cell, Outcome] = {
        cell: outcome_of(database, runs.find(assigned[cell.key]), split)
        for cell, split in cells
        if cell.key in assigned
    }
    return [
        Entry(
            dataset=cell.dataset,
            label=cell.label,
            seed=cell.seed,
            outcome=found.get(cell),
            judged=_judged(cell, found),
        )
        for cell, _ in cells
        if not cell.judge
    ]


def planned(row: ExperimentRow) -> list[tuple[Cell, Split]]:
    """The cells of an experiment, each with the split that it is scored on."""
    return [
        (Cell(each["dataset"], each["label"], each["seed"], each["judge"]), each["split"])
        for each in json.loads(row.plan)["cells"]
    ]


def _judged(cell: Cell, found: dict[Cell, Outcome]) -> dict[str, dict[str, float | None]]:
    """Judge to the scores that it gave the winner of a cell, case by case; None without a verdict."""
    return {
        other.judge: _scores(outcome)
        for other, outcome in found.items()
        if other.judge and other.searched == cell and outcome.results
    }


def _scores(outcome: Outcome) -> dict[str, float | None]:
    scores: dict[str, float | None] = {}
    for result in outcome.results:
        judged = next((check for check in result.checks if check.name == "judge"), None)
        if judged is not None:
            scores[result.case_id] = None if lacks_verdict(judged.reason) else judged.score
    return scores
