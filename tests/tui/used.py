"""Prompts in use, and looks at them, as the store has them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from promptopt.store.deployments import DeploymentRow, Deployments, MonitoringRow
from promptopt.store.runs import Runs

from .story import Story

DAY = 86_400.0


def look(n: int, verdict: str = "holds", score: float = 0.85, **changes: Any) -> dict[str, Any]:
    """What ``promptopt monitor --json`` says of a look."""
    fallen = verdict == "has fallen"
    return {
        "n": n,
        "at": 1_760_000_000.0 + (n - 12) * DAY,
        "source": f"fresh-{n}.csv",
        "digest": f"{n:016x}",
        "run_id": "251009-000001",
        "score": score,
        "low": score - 0.1,
        "high": min(1.0, score + 0.08),
        "cases": 60,
        "passed": round(60 * score),
        "errors": 0,
        "fall": {
            "fall": 0.833 - score,
            "low": 0.833 - score - 0.12,
            "high": 0.833 - score + 0.13,
            "margin": 0.05,
            "p_value": 0.01,
            "p_holds": 0.04,
            "detectable": 0.3,
            "cases_to_hold": None,
        },
        "verdict": verdict,
        "reason": f"the fall is {'beyond' if fallen else 'within'} the margin of 5 points",
        "height": 1.5,
        "categories": {"wrong format": 4, "refusal": 2},
        "new": ["refusal"] if fallen else [],
        "shifts": [
            {
                "what": "length of the input",
                "method": "Kolmogorov-Smirnov",
                "statistic": 0.3,
                "p_value": 0.001,
                "then": "median 102 characters",
                "now": "median 240 characters",
                "p_adjusted": 0.003 if fallen else 0.4,
            }
        ],
        "known": {"test": 3} if fallen else {},
        "failed": ["f7", "f12"],
        "usd": 0.0123,
        "simulated": False,
        "alarm": 5.3,
        **changes,
    }


def in_use(
    told: Story,
    looks: Sequence[dict[str, Any]] = (),
    *,
    going: bool = False,
    name: str = "support tickets",
    row: str = "d251009-00000a",
    reference: str = "",
) -> DeploymentRow:
    """Keep the winner of a finished run as a deployment, with looks at it."""
    run = Runs(told.database).find(told.run_id)
    figure = {"score": 20 / 24, "low": 0.641, "high": 0.933, "n": 24, "split": "test"}
    known = {
        "figure": figure,
        "teams": ["Support", "Sales"],
        "advice": "Deploy the new prompt.",
    }
    made = DeploymentRow(
        id=row,
        name=name,
        source_run=told.run_id,
        prompt_id="abc",
        settings=Runs(told.database).settings(told.run_id).model_dump_json(),
        project_dir=run.project_dir,
        reference=reference or json.dumps(known),
        simulated=run.simulated,
        created_at=1_760_000_000.0 - 30 * DAY,
    )
    store = Deployments(told.database)
    made = replace(made, created_at=made.created_at + DAY * len(store.list()))
    store.create(made)
    for one in looks:
        begun = store.begin(made.id, one["digest"], one["source"], told.run_id)
        store.conclude(begun, json.dumps(one | {"run_id": told.run_id}))
    if going:
        store.begin(made.id, "f" * 16, "fresh-today.csv", told.run_id)
    return made


def history(told: Story, made: DeploymentRow) -> list[MonitoringRow]:
    return Deployments(told.database).history(made.id)
