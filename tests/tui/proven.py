"""A recorded proof of concept, written to the store stage by stage as its driver would."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import update

from promptopt.domain.chat import ChatRequest, LLMResponse
from promptopt.domain.dataset import Dataset
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.store.database import Database
from promptopt.store.experiments import Experiments
from promptopt.store.journal import Journal
from promptopt.store.pocs import Pocs
from promptopt.store.runs import Runs
from promptopt.store.schema import pocs

from .made import Made

REASON = "12 of 60 cases hold private data: phone numbers"
LEFT_OUT = "the budget leaves no usd for it"

FILES = [
    "executive-summary.md", "dashboard.html", "cases.jsonl", "comparison/results.html", "business-case.pptx",
    "business-case.xlsx", "package", "package.zip",
]  # fmt: skip

FIGURES = [
    ("Cases", "36 made up, 14 of them sealed", "run {data}, made up by sim/generator, SIMULATED"),
    ("Score of today's prompt", "79.3% [72.9, 85.7], 14 cases", "experiment {experiment}, sealed test"),
    ("Score of the new prompt (refine)", "91.7% [84.6, 97.7], 14 cases", "experiment {experiment}"),
    ("Difference", "+12.4 points [+4.7, +19.3]: better", "corrected for the number of optimizers (Holm)"),
    ("ROI, first year", "−84% to +164% (90% of the draws)", "computed from the assumptions"),
]


@dataclass
class Proven:
    """Records a proof of concept.

    Attributes:
        making: makes recorded runs that make cases up.
        folder: what it writes is put there.
    """

    database: Database
    making: Callable[..., Made]
    folder: Path
    clock: list[float]
    name: str = "Acme Corp: Customer support"
    usd: float | None = 5.0
    review: bool = False
    emergency: float | None = None
    simulated: bool = True
    poc_id: str = ""
    run_ids: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.pocs, self.runs = Pocs(self.database), Runs(self.database)
        plan = {"budget": {"usd": self.usd, "calls": 4000}, "review": self.review,
                "emergency": self.emergency}  # fmt: skip
        self.clock[0] += 60
        row = self.pocs.create(
            self.name,
            "acme",
            f"d{self.clock[0]}",
            json.dumps(plan),
            str(self.folder),
            simulated=self.simulated,
        )
        self.poc_id = row.id
        self.say("running")

    def say(self, status: str, detail: str = "", *, alive: bool = True) -> "Proven":
        """It stands so from now on."""
        values = {"status": status, "detail": detail, "heartbeat_at": 4e9 if alive else 1.0, "wish": ""}
        self.database.write(update(pocs).where(pocs.c.id == self.poc_id).values(**values)).result()
        return self

    # Stages

    def data(self, *, over: bool = True) -> "Proven":
        """Its cases are made, or being made."""
        made = self.making()
        made.live()
        if over:
            made.finish()
        self.pocs.assign(self.poc_id, "data", "run", made.run_id)
        self.run_ids.append(made.run_id)
        return self

    def gate(self, reason: str = "") -> "Proven":
        """The cases were measured; with a reason they do not pass."""
        body = {"passed": not reason, "reasons": [reason] if reason else [], "score": 8.4,
                "sizes": {"train": 8, "validation": 14, "test": 14}}  # fmt: skip
        self.pocs.keep(self.poc_id, "gate", json.dumps(body))
        return self

    def comparison(self, *statuses: str) -> "Proven":
        """The experiment has runs that stand so; three of four are planned at least."""
        names = ("none", "refine", "dspy-mipro", "grpo")
        plan = json.dumps({"cells": list(names)})
        experiments = Experiments(self.database)
        row = experiments.create("comparison", "d", plan, str(self.folder), True)
        self.pocs.assign(self.poc_id, "comparison", "experiment", row.id, json.dumps({"left_out": {}}))
        for number, (name, status) in enumerate(zip(names, statuses, strict=False)):
            best = None if status == "running" and name == "grpo" else 0.79 + 0.04 * number
            run_id = self._run(name, status, best_score=best, seed_score=0.79, calls=72 + 110 * number)
            experiments.assign(row.id, name, run_id)
        return self

    def consistency(self, *statuses: str) -> "Proven":
        """Cases in other words, and what both prompts answer to them."""
        parts = ("phrasings", "consistency/today", "consistency/new")
        for part, status in zip(parts, statuses, strict=False):
            run_id = self._run("none", status, kind="eval", best_score=0.9, seed_score=0.9, calls=36)
            self.pocs.assign(self.poc_id, part, "run", run_id)
        return self

    def leave_out(self, stage: str) -> "Proven":
        self.pocs.assign(self.poc_id, stage, "result", body=json.dumps({"why": LEFT_OUT, "left_out": {}}))
        return self

    def finish(self) -> "Proven":
        """All files are written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in FILES[:-1]:  # the last one was taken away by somebody
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            if name == "package":
                path.mkdir()
            else:
                path.write_text("# Summary\n\nIt **pays**.\n" if name.endswith(".md") else "x" * 1_400)
        summary = {
            "headline": "No decision can rest on this: the figures are simulated.",
            "files": FILES,
            "notes": [],
        }
        self.pocs.keep(self.poc_id, "summary", json.dumps(summary))
        return self.say("finished")

    def _run(self, optimizer: str, status: str, kind: str = "optimize", **values: Any) -> str:
        settings = ProjectSettings(
            name=self.name, prompt="Answer {input}", models={"target": ModelSettings(model="sim/target")},
            optimizer={"name": optimizer},  # type: ignore[arg-type]
        )  # fmt: skip
        self.clock[0] += 1
        run_id = self.runs.create(settings, Dataset(train=(), validation=()), self.folder, kind=kind)
        self.runs.summarize(run_id, status=status, heartbeat_at=4e9, usd=0.4, active_seconds=95.0, **values)
        self._pay(run_id, 0.4, 40)
        self.database.transact(lambda connection: None).result()
        self.run_ids.append(run_id)
        return run_id

    def _pay(self, run_id: str, usd: float, calls: int) -> None:
        """So many calls cost so much together."""
        journal = Journal(self.database, run_id)
        for number in range(calls):
            request = ChatRequest(model="sim/target", messages=(Message(role="user", content=f"{number}"),))
            usage = {"prompt_tokens": 410, "completion_tokens": 90}
            response = LLMResponse(text="a", usage=usage, cost=usd / calls, latency=0.4)
            place = (request.content_key(), "", number)
            journal.record(f"i{run_id}-{number}", "target", request, place, response)

    # Where one can stand

    def live(self) -> "Proven":
        """The optimizers are compared."""
        return self.data().gate().comparison("finished", "finished", "running")

    def held(self) -> "Proven":
        """The gate objects to its cases."""
        self.data().gate(REASON)
        return self.say("held", f"the cases do not pass the gate: {REASON}. To use them all the same: …")

    def over(self) -> "Proven":
        """It came to its end; the consistency was left out."""
        self.data().gate().comparison(*["finished"] * 4).consistency(*["finished"] * 3)
        return self.finish()

    def record(self, **more: Any) -> dict[str, Any]:
        """What the command line would say of it."""
        refs = {"data": self.run_ids[0] if self.run_ids else "", "experiment": "x-1"}
        keys = ("label", "text", "source")
        figures = [dict(zip(keys, (a, b, c.format(**refs)), strict=True)) for a, b, c in FIGURES]
        return {
            "simulated": self.simulated,
            "figures": figures,
            "next_steps": ["Begin with the support team, 2026-12-01 to 2026-12-14."],
            "business_case": {
                "advice": "recommended",
                "reasons": ["The new prompt is better: +12.4 points."],
            },
            "left_out": {},
            "to_know": ["One model has made the cases up and judges the outputs."],
            "deployment_id": "d1" if self.pocs.find(self.poc_id).status == "finished" else None,
            **more,
        }
