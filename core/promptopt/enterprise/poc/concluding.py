"""What a proof of concept comes to: evidence, business case, recommendation, and the files that tell it."""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import PromptoptError, RunError
from promptopt.domain.prompt import OptimizedPrompt, Prompt
from promptopt.enterprise.case.calculator import BusinessCase, EnterpriseROICalculator
from promptopt.enterprise.case.documents import FORMATS, write_documents
from promptopt.enterprise.case.evidence import Evidence
from promptopt.enterprise.case.gathering import chosen_outcome, evidence_of
from promptopt.enterprise.consistency import Consistency, consistency_of_run
from promptopt.enterprise.deployment.criteria import Wishes
from promptopt.enterprise.deployment.deploying import extras_of, watched
from promptopt.enterprise.deployment.offers import Offer, offer_of
from promptopt.enterprise.deployment.package import Extras, OnboardingPackage, package_of
from promptopt.enterprise.deployment.recording import Deployment, found, record
from promptopt.enterprise.deployment.rollout import RolloutPlan, plan_of
from promptopt.enterprise.poc.cases import Gate
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.enterprise.poc.spending import Spent, own_runs, spent_by
from promptopt.experiments.results import entries_of, results_of
from promptopt.experiments.writing import write_report
from promptopt.runs.assets import columns_of
from promptopt.runs.library import best_of
from promptopt.runs.scoreboard import Entry, Scoreboard
from promptopt.runs.state import fold
from promptopt.runs.summary import comparison_summary
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.experiments import Experiments
from promptopt.store.forgetting import MARK
from promptopt.store.pocs import Part, PocRow, Pocs
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt.synthetic.saving import Origin, save_cases

STAGES = ("data", "gate", "comparison", "consistency")


@dataclass(frozen=True)
class Conclusion:
    """All that a proof of concept has come to.

    Attributes:
        gate: of its cases; None before.
        board, entries: of the comparison; None if there was none.
        evidence, case: what was measured, and the business case; None without a comparison.
        today, new: consistency of today's prompt and of the one that was found; None if not measured.
        offer, rollout: the prompt for the team, and the plan; None without a comparison.
        deployment: the prompt in use that is to be monitored; None without one.
        left_out: stages and optimizers that the budget did not carry, with the reason.
        accepted: who has accepted cases that did not pass the gate; empty: nobody.
        spent: by its own runs.
        texts_removed: they were older than they may be; figures are left, and no prompt.
    """

    row: PocRow
    plan: POCPlan
    gate: Gate | None
    board: Scoreboard | None
    entries: tuple[Entry, ...]
    evidence: Evidence | None
    case: BusinessCase | None
    today: Consistency | None
    new: Consistency | None
    offer: Offer | None
    rollout: RolloutPlan | None
    deployment: Deployment | None
    left_out: Mapping[str, str]
    spent: Spent
    accepted: str = ""
    files: tuple[Path, ...] = field(default=())
    texts_removed: bool = False

    @property
    def simulated(self) -> bool:
        """Some figure rests on a simulated model."""
        return self.row.simulated

    @property
    def headline(self) -> str:
        """The recommendation as a line."""
        if self.case is not None:
            return self.case.headline
        return "Nothing is recommended: no prompts were compared."


def concluded(database: Database, row: PocRow) -> Conclusion:
    """What it has come to so far, computed from the store; nothing is written."""
    plan = POCPlan.model_validate_json(row.plan)
    parts = Pocs(database).parts(row.id)
    comparison = parts.get("comparison")
    board: Scoreboard | None = None
    entries: list[Entry] = []
    evidence: Evidence | None = None
    if comparison and comparison.kind == "experiment":
        board, entries = results_of(database, Experiments(database).find(comparison.ref))
        evidence = evidence_of(database, comparison.ref)
    today, new = _consistencies(database, plan, parts)
    case = None
    if evidence is not None and evidence.best is not None:
        evidence = evidence.model_copy(update={"title": plan.name, "consistency": new or today})
        case = EnterpriseROICalculator(plan.assumptions).calculate_comprehensive_roi(evidence)
    forgotten = MARK in parts
    best = None
    if evidence and comparison and not forgotten:
        best = best_prompt(database, comparison.ref, evidence, case)
    offer = offer_of(best, _title(plan), context=plan.business) if best else None
    deployment = _deployment(database, parts)
    gate = parts.get("gate")
    return Conclusion(
        row=row,
        plan=plan,
        gate=Gate.model_validate_json(gate.body) if gate else None,
        board=board,
        entries=tuple(entries),
        evidence=evidence,
        case=case,
        today=today,
        new=new,
        offer=offer,
        rollout=_rollout(plan, offer, deployment),
        deployment=deployment,
        left_out=_left_out(parts),
        spent=spent_by(database, own_runs(database, row.id)),
        accepted=json.loads(parts["accepted"].body)["author"] if "accepted" in parts else "",
        files=tuple(Path(row.output_dir) / name for name in _written(parts)),
        texts_removed=forgotten,
    )


def conclude(database: Database, row: PocRow, plan: POCPlan) -> Conclusion:
    """Compute what it has come to, write the files, and keep the headline. It may be called again.

    Raises:
        RunError: a file can't be written.
    """
    from promptopt.enterprise.poc.writing import dashboard_of, record_of, summary_of

    pocs, told = Pocs(database), concluded(database, row)
    if told.offer is not None and told.offer.given.figure is not None and told.deployment is None:
        made = record(database, told.offer, plan.teams)
        pocs.assign(row.id, "deployment", "result", body=json.dumps({"id": made.id}))
        told = concluded(database, row)
    folder, files = Path(row.output_dir), list[Path]()
    body = pocs.body(row.id, "dataset")
    if body:
        files.append(_save(Dataset.model_validate_json(body), folder / "cases.jsonl", database, pocs, row))
    if told.board is not None:
        experiment = Experiments(database).find(pocs.parts(row.id)["comparison"].ref)
        files += write_report(folder / "comparison", experiment, told.board, told.entries)
    notes: list[str] = []
    if told.case is not None:
        files += _documents(told.case, folder, notes, told.rollout)
    if told.offer is not None and told.rollout is not None:
        earlier = _written(pocs.parts(row.id))
        files += _package(package_for(database, told), folder, row.id, earlier)
    texts = {
        "executive-summary.md": summary_of(told),
        "dashboard.html": dashboard_of(told),
        "poc.json": json.dumps(record_of(told), ensure_ascii=False, indent=2) + "\n",
    }
    files = [*(_write(folder / name, text) for name, text in texts.items()), *files]
    pocs.keep(
        row.id,
        "summary",
        json.dumps(
            {
                "headline": told.headline,
                "files": [str(path.relative_to(folder)) for path in files],
                "notes": notes,
            }
        ),
    )
    return concluded(database, row)


def winner_of(database: Database, experiment_id: str) -> tuple[Prompt, Prompt] | None:
    """Today's prompt, and the one that is chosen by its validation score; None if nothing was scored."""
    found_ = _chosen(database, experiment_id)
    if found_ is None:
        return None
    run_id, best_id, seed_id = found_
    cells = Cells(database, run_id)
    seed, best = cells.prompt(seed_id), cells.prompt(best_id)
    return (seed, best) if seed and best else None


def best_prompt(
    database: Database, experiment_id: str, evidence: Evidence | None, case: BusinessCase | None = None
) -> OptimizedPrompt | None:
    """The chosen prompt of a comparison, with the comparison's verdict: corrected for the number of them.

    Args:
        case: what it is worth, which whoever gives the prompt out is told too.
    """
    found_ = _chosen(database, experiment_id)
    if found_ is None:
        return None
    best = best_of(database, fold(RunLog(database, found_[0])))
    settings = Runs(database).settings(found_[0])
    about = {
        **best.metadata,
        "task": {"description": settings.task.description, "columns": list(columns_of(database, found_[0]))},
        "project": settings.name,
        "experiment_id": experiment_id,
    }
    if evidence is not None and evidence.comparison is not None and about.get("comparison"):
        about["comparison"] = comparison_summary(evidence.comparison)
    if case is not None:
        about["business"] = {"advice": case.advice, "reasons": list(case.reasons[1:])}
    return best.model_copy(update={"metadata": about})


def package_for(database: Database, told: Conclusion) -> OnboardingPackage:
    """What the team gets.

    Raises:
        RunError: there was no comparison, so there is nothing to give.
    """
    if told.offer is None or told.rollout is None:
        raise RunError("no prompts were compared, so there is nothing to give to a team", where=told.row.id)
    extras = Extras()
    if told.deployment is not None:
        extras = extras_of(database, told.offer, told.deployment)
    return package_of(told.offer, told.rollout, extras)


def _chosen(database: Database, experiment_id: str) -> tuple[str, str, str] | None:
    """Run, best prompt and first prompt of the search whose winner is taken."""
    found_ = chosen_outcome(entries_of(database, Experiments(database).find(experiment_id)))
    return (found_[1].run_id, found_[1].best_id, found_[1].seed_id) if found_ else None


def _title(plan: POCPlan) -> str:
    return plan.scenario.title or plan.scenario.name


def _consistencies(
    database: Database, plan: POCPlan, parts: Mapping[str, Part]
) -> tuple[Consistency | None, Consistency | None]:
    measured: list[Consistency | None] = []
    for name in ("consistency/today", "consistency/new"):
        part, one = parts.get(name), None
        if part is not None and Runs(database).find(part.ref).status == "finished":
            try:
                one = consistency_of_run(database, part.ref, goal=plan.goal)
            except PromptoptError:
                one = None
        measured.append(one)
    return measured[0], measured[1]


def _rollout(plan: POCPlan, offer: Offer | None, deployment: Deployment | None) -> RolloutPlan | None:
    if offer is None:
        return None
    wishes = Wishes(teams=plan.teams, strategy=plan.rollout)
    known = {offer.name: watched(deployment)} if deployment else None
    return plan_of([offer], wishes, known, plan.name)


def _deployment(database: Database, parts: Mapping[str, Part]) -> Deployment | None:
    part = parts.get("deployment")
    return found(database, json.loads(part.body)["id"]) if part else None


def _left_out(parts: Mapping[str, Part]) -> dict[str, str]:
    told: dict[str, str] = {}
    for stage in ("comparison", "consistency"):
        part = parts.get(stage)
        if part is None or not part.body:
            continue
        body: dict[str, Any] = json.loads(part.body)
        if part.kind == "result":
            told[stage] = body["why"]
        others: dict[str, str] = body.get("left_out") or {}
        told |= {f"{stage}, {label}": why for label, why in others.items()}
    return told


def _written(parts: Mapping[str, Part]) -> list[str]:
    part = parts.get("summary")
    return json.loads(part.body)["files"] if part else []


def _documents(case: BusinessCase, folder: Path, notes: list[str], plan: RolloutPlan | None) -> list[Path]:
    """The business case in all forms; a form whose package is missing is left out, and that is told."""
    files: list[Path] = []
    for form in FORMATS:
        try:
            files += write_documents(case, folder, [form], plan)
        except RunError as error:
            if form not in ("pptx", "xlsx"):
                raise
            notes.append(f"no {form}: {error.what}. {error.fix}")
    return files


def _package(package: OnboardingPackage, folder: Path, poc_id: str, written: Sequence[str]) -> list[Path]:
    """The package as a folder and a zip file. A folder of somebody else's is left alone."""
    place = folder / "package"
    if place.exists() and place.name not in written:
        place = folder / f"package-{poc_id}"
    if place.is_dir():
        shutil.rmtree(place)  # ours, of an earlier go
    package.write(place)
    return [place, package.zip(folder / "package.zip")]


def _save(dataset: Dataset, path: Path, database: Database, pocs: Pocs, row: PocRow) -> Path:
    part, origin = pocs.parts(row.id).get("data"), None
    if part is not None:
        model = Runs(database).settings(part.ref).models["generator"]
        origin = Origin(model.model, part.ref, model.simulated)
    return save_cases(dataset, path, origin, overwrite=True)


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"the file can't be written: {error.strerror}", where=str(path)) from error
    return path


def spent_json(spent: Spent) -> dict[str, Any]:
    """What was spent in JSON values: USD, minutes."""
    return {**asdict(spent), "usd": None if spent.unpriced else round(spent.usd, 6)}
