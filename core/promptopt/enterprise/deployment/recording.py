"""A deployment: a prompt in use, with all that is needed to watch it, whatever becomes of its run."""

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.mending import mended
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CaseResult
from promptopt.domain.settings import CacheSettings, OptimizerSettings, ProjectSettings
from promptopt.domain.text import one_line
from promptopt.domain.words import SPLITS
from promptopt.enterprise.deployment.examples import PerUse, per_use
from promptopt.enterprise.deployment.offers import Figure, Offer
from promptopt.evaluation.falls import Scores
from promptopt.evaluation.shifts import Profile, profile
from promptopt.runs.assets import columns_of
from promptopt.runs.state import fold
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.deployments import DeploymentRow, Deployments, new_id
from promptopt.store.forgetting import MARK
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs
from promptopt.store.textfiles import read_text
from promptopt.store.validation import refuse_secrets

FORM = 1
"""Of the table that a deployment is kept as."""

MOST_BYTES = 64_000_000
WAITING = "(no category)"


@dataclass(frozen=True)
class Deployment:
    """A prompt in use.

    Attributes:
        settings: frozen, with the prompt; each monitoring is an evaluation of these.
        figure: what the prompt scored before it was given out.
        then: the scores of the cases that the figure was measured on.
        categories: error categories among those, with their numbers.
        profile: what the cases of the run are like.
        seen: which split each of them was in, by the hash of its inputs.
        per_use: what a use took; None if nothing was answered.
        columns: of a case.
        teams: who has it.
        advice: what was said of giving it out.
        texts_removed: its prompt is gone, at the wish of a person: its figures are left.
    """

    row: DeploymentRow
    settings: ProjectSettings
    figure: Figure
    then: Scores
    categories: Mapping[str, int]
    profile: Profile
    seen: Mapping[str, str]
    per_use: PerUse | None
    columns: tuple[str, ...]
    teams: tuple[str, ...]
    advice: str
    texts_removed: bool = False

    @property
    def id(self) -> str:
        return self.row.id

    @property
    def name(self) -> str:
        return self.row.name

    @property
    def simulated(self) -> bool:
        return self.row.simulated

    @property
    def prompt(self) -> Prompt:
        return self.settings.seed_prompt


def record(
    database: Database, offer: Offer, teams: Sequence[str] = (), norms: Sequence[str] = ()
) -> Deployment:
    """Keep an offer as a deployment of the prompt that it gives out; see :func:`prepare`."""
    deployment = prepare(database, offer, teams, norms)
    Deployments(database).create(deployment.row)
    return deployment


def prepare(
    database: Database, offer: Offer, teams: Sequence[str] = (), norms: Sequence[str] = ()
) -> Deployment:
    """What :func:`record` would keep; nothing is kept yet.

    Args:
        norms: by the names that the organization gives them: all that monitoring sends is held to those that
            a profile covers, beside what the run was held to.

    Raises:
        RunError: the prompt has no figure, or its run is not in this store.
    """
    figure = offer.given.figure
    if figure is None:
        raise RunError(
            f"the prompt {offer.given.prompt.id} has no figure that a fall could be seen against",
            fix="score it first: promptopt eval PROJECT --prompt FILE --split test",
        )
    runs = Runs(database)
    run = runs.find(offer.run_id)
    prompt = offer.given.prompt
    results = list(Cells(database, run.id).results(prompt.id, figure.split).values())
    if not results:
        raise RunError(f"run {run.id} has no results of the prompt {prompt.id} on {figure.split}")
    state = fold(RunLog(database, run.id))
    dataset = mended(runs.dataset(run.id), state.mends.values())
    use = per_use(results)
    reference = {
        "form": FORM,
        "figure": asdict(figure),
        "scores": [result.score for result in results],
        "weights": _weights(results),
        "categories": failures_in(results),
        "profile": profile(list(dataset.cases())).as_json(),
        "seen": seen_in(dataset),
        "per_use": asdict(use) if use else None,
        "columns": list(columns_of(database, run.id)),
        "teams": list(teams),
        "advice": offer.headline,
    }
    row = DeploymentRow(
        id=new_id(),
        name=one_line(offer.name, 120),
        source_run=run.id,
        prompt_id=prompt.id,
        settings=_frozen(runs.settings(run.id), prompt, norms).model_dump_json(exclude={"data": {"cases"}}),
        project_dir=run.project_dir,
        reference=json.dumps(reference),
        simulated=run.simulated,
        created_at=time.time(),
    )
    return deployment_of(row)


def deployment_of(row: DeploymentRow) -> Deployment:
    """What a row of the store says.

    Raises:
        SettingsError: it can't be read, or a newer promptopt wrote it.
    """
    try:
        raw = cast("dict[str, Any]", json.loads(row.reference))
        if raw["form"] != FORM:
            raise SettingsError(
                f"the deployment has the form {raw['form']!r}, expected {FORM}",
                where=row.id,
                fix="a newer promptopt wrote it: install that one",
            )
        return Deployment(
            row=row,
            settings=ProjectSettings.model_validate_json(row.settings),
            figure=Figure(**raw["figure"]),
            then=Scores([float(score) for score in raw["scores"]], raw["weights"]),
            categories={str(name): int(count) for name, count in raw["categories"].items()},
            profile=Profile.of_json(raw["profile"]),
            seen=dict(raw["seen"]),
            per_use=PerUse(**raw["per_use"]) if raw["per_use"] else None,
            columns=tuple(map(str, raw["columns"])),
            teams=tuple(map(str, raw["teams"])),
            advice=str(raw["advice"]),
            texts_removed=MARK in raw,
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        flaw = error.errors()[0]["msg"] if isinstance(error, ValidationError) else repr(error)
        raise SettingsError(
            f"this is no deployment that can be read: {one_line(str(flaw), 200)}", where=row.id
        ) from error


def as_file(deployment: Deployment) -> str:
    """A deployment as JSON text: with it another machine can monitor the prompt."""
    row = {name: value for name, value in vars(deployment.row).items() if name != "project_dir"}
    whole = {
        **row,
        "settings": json.loads(deployment.row.settings),
        "reference": json.loads(deployment.row.reference),
    }
    return json.dumps({"promptopt_deployment": FORM, **whole}, ensure_ascii=False, indent=1) + "\n"


def found(database: Database, reference: str) -> Deployment:
    """The deployment that is meant: by id or name, or by a file ``deployment.json``, which is taken in.

    Raises:
        RunError: there is no such deployment.
        SettingsError: the file can't be used.
    """
    if reference.lower().endswith(".json"):
        return _taken_in(database, Path(reference))
    return deployment_of(Deployments(database).find(reference))


def failures_in(results: Sequence[CaseResult]) -> dict[str, int]:
    """Error categories of failed cases, with their numbers, largest first."""
    failed = Counter(result.category or WAITING for result in results if not result.passed)
    return dict(failed.most_common())


def seen_in(dataset: Dataset) -> dict[str, str]:
    """Which split each case is in, by the hash of what is sent of it; the first of several."""
    known: dict[str, str] = {}
    for split in SPLITS:
        for case in dataset[split]:
            known.setdefault(inputs_of(case), split)
    return known


def inputs_of(case: Example) -> str:
    """Hash of what is sent of a case, whatever is expected."""
    return case.model_copy(update={"expected": None}).fingerprint()


def _frozen(settings: ProjectSettings, prompt: Prompt, norms: Sequence[str]) -> ProjectSettings:
    shown = [Demonstration(inputs=d.inputs, output=d.expected or "") for d in prompt.demonstrations]
    changes: dict[str, Any] = {
        "prompt": prompt.text,
        "demonstrations": shown,
        "optimizer": OptimizerSettings.model_validate({"name": "none", "split": "test"}),
        "cache": CacheSettings(reuse=False),
        "compliance": settings.compliance.with_norms(norms),
    }
    return settings.model_copy(update=changes)


def _weights(results: Sequence[CaseResult]) -> list[float] | None:
    weights = [result.weight for result in results]
    return None if len(set(weights)) == 1 else weights


def _taken_in(database: Database, path: Path) -> Deployment:
    """The deployment of a file, kept in the store if it is not there yet."""
    try:
        raw: Any = json.loads(read_text(path, MOST_BYTES))
    except (ValueError, RecursionError) as error:
        raise SettingsError("this is no JSON that can be read", where=str(path)) from error
    if not isinstance(raw, dict) or "promptopt_deployment" not in raw:
        raise SettingsError(
            "this is no deployment", where=str(path), fix="give the deployment.json of a package"
        )
    table = cast("dict[str, Any]", raw)
    refuse_secrets(table.get("settings") or {}, path)
    try:
        row = DeploymentRow(
            id=_name(table["id"], 32),
            name=_name(table["name"], 120),
            source_run=_name(table["source_run"], 32),
            prompt_id=_name(table["prompt_id"], 16),
            settings=json.dumps(table["settings"]),
            project_dir=str(path.absolute().parent),
            reference=json.dumps(table["reference"]),
            simulated=bool(table["simulated"]),
            created_at=float(table["created_at"]),
        )
        deployment = deployment_of(row)
    except (KeyError, TypeError, ValueError) as error:
        raise SettingsError(f"this is no deployment that can be read: {error!r}", where=str(path)) from error
    except SettingsError as error:
        raise SettingsError(error.what, where=str(path), fix=error.fix) from error
    return _kept(database, deployment, path)


def _kept(database: Database, deployment: Deployment, path: Path) -> Deployment:
    if deployment.prompt.id != deployment.row.prompt_id:
        raise SettingsError(
            "the prompt in it is not the one that was scored: somebody has changed the file",
            where=str(path),
            fix="take the file as promptopt deploy wrote it",
        )
    store = Deployments(database)
    there = next((row for row in store.list(10_000) if row.id == deployment.id), None)
    if there is None:
        store.create(deployment.row)
        return deployment
    known = deployment_of(there)
    if (known.row.prompt_id, known.settings) != (deployment.row.prompt_id, deployment.settings):
        raise SettingsError(
            f"the store has another deployment {deployment.id}, with another prompt or other settings",
            where=str(path),
        )
    return known


def _name(value: Any, most: int) -> str:
    text = one_line(str(value))
    if not isinstance(value, str) or not text or len(text) > most:
        raise ValueError(f"expected a text of at most {most} characters, found {one_line(repr(value), 60)}")
    return text
