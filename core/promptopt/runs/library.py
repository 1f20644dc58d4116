"""promptopt for programs: a whole run, or the scoring of a prompt, as one function call.

A run that is made here is a run like any other: it is in the store, in lists, can be watched and steered from
any terminal, and resumed. How it is carried out, and why, is told in ``inprocess.py``.
"""

import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any, Unpack, cast

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.events import CandidateJudged, CandidateScored, EditJudged, Event
from promptopt.domain.prompt import OptimizedPrompt, Prompt
from promptopt.domain.results import Evaluation
from promptopt.domain.settings import OptimizerSettings, ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.domain.text import sanitize
from promptopt.evaluation.statistics import interval
from promptopt.optimizers.recommend import Recommendation, recommend
from promptopt.runs.assembling import (
    WHERE,
    Assembled,
    Cases,
    How,
    HowToScore,
    assemble,
    cases_to_score,
    own_of,
)
from promptopt.runs.checking import check_cases, check_runnable
from promptopt.runs.given import refuse_progress, refuse_prompt, refuse_reference
from promptopt.runs.inprocess import Show, run_here
from promptopt.runs.launch import Frozen, create_frozen, may_resume
from promptopt.runs.state import Activity, RunState
from promptopt.runs.summary import summarize
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runlog import Stored
from promptopt.store.runs import Runs

Progress = bool | Callable[[Event, RunState], object]

_MEASURED = (CandidateScored, CandidateJudged, EditJudged)

SIMULATE = "give simulate=True"


def optimize(
    task: TaskSpec | str | None = None,
    dataset: Cases | None = None,
    *,
    resume: str | None = None,
    progress: Progress = True,
    **how: Unpack[How],
) -> OptimizedPrompt:
    """Make a prompt better, and return the best one found; blocks until the run is over.

    It works in scripts, in notebooks and beside a running event loop (which it holds up: there, ``await
    asyncio.to_thread(promptopt.optimize, …)``). Ctrl-C ends the run; what was paid for is kept.

    Args:
        task: what the prompt must do, in words or as a ``TaskSpec``; default: that of the project.
        dataset: the cases: a ``Dataset``, a list of ``Example`` or of mappings, a data frame, or the path of
            a file or folder of cases. Fewer than 8 leave nothing for a sealed test. Default: the project's.
        resume: id of a run (or ``"latest"``) to go on with, in place of a new one. Settings and cases are
            frozen in it; ``task``, ``checks`` and ``optimizer`` are needed only for what lives in this
            program: functions, and a class that no package has.
        progress: True tells on standard error how it goes; a function is given each event, and the fold that
            has it in.
        how: models, checks, budget and so on (see ``promptopt.runs.assembling.How``).

    Returns:
        The best prompt. Its ``metadata`` has the run's id and what ``promptopt show --json`` tells: scores
        with intervals, the verdict of the sealed test, cost, calls.

    Raises:
        SettingsError: something is missing, unknown, or can't be used; nothing was sent.
        ModelError: a key is missing, or a price while there is a cap on USD.
        TrustError: the project has code or an endpoint that nobody has trusted.
        RunError: the run failed, or had to stop because a model answers nobody any more.
    """
    refuse_progress(progress, WHERE)
    if resume is not None:
        refuse_reference(resume, WHERE)
    with closing(Database.open()) as database:
        if resume is not None:
            run_id, own = _taken_up(database, resume, task, dataset, how)
        else:
            asked = assemble(task, dataset, how)
            run_id, own = freeze(database, asked, "optimize", how), asked.own
            _tell(progress, asked.notices)
        state = run_here(database, run_id, own, shown_by(progress, run_id))
        return best_of(database, state)


def recommend_optimizer(
    task_spec: TaskSpec | str | None, dataset: Cases | None = None, **how: Unpack[How]
) -> Recommendation:
    """Which optimizer to try first, and why, by the rules that the README states; sends nothing.

    Args:
        task_spec, dataset, how: as for :func:`optimize`; what matters are the cases, the checks and the caps
            on calls. No model needs to be named.

    Raises:
        SettingsError: something is missing, unknown, or can't be used.
    """
    asked = assemble(task_spec, dataset, cast(How, {**how, "simulate": True}))
    return recommend(asked.project.settings, asked.dataset)


def evaluate(
    prompt: Prompt | str,
    test_set: Cases,
    task: TaskSpec | str | None = None,
    *,
    progress: Progress = False,
    **how: Unpack[HowToScore],
) -> Evaluation:
    """Score a prompt on all given cases; blocks until that is done. It counts as a run, and is listed as one.

    Args:
        prompt: what :func:`optimize` returned, any ``Prompt``, or a text. Models, checks and task of an
            optimized prompt are those of its run, unless others are given.
        test_set: the cases, as for :func:`optimize`; of a ``Dataset`` its test split, if it has one.
        task: what the outputs must keep to, if it has constraints.
        progress, how: as for :func:`optimize`.

    Returns:
        The evaluation: score with its interval, and each case's result.

    Raises:
        PromptoptError: as :func:`optimize`.
    """
    refuse_prompt(prompt, "promptopt.evaluate()")
    refuse_progress(progress, "promptopt.evaluate()")
    with closing(Database.open()) as database:
        base = _settings_of(database, prompt) if "project" not in how else None
        asked = assemble(task, Dataset(train=(), validation=()), cast(How, {**how, "prompt": prompt}), base)
        cases = cases_to_score(test_set, asked.project.settings, asked.project.dir)
        frozen = _to_score(asked, Dataset(train=(), validation=(), test=cases))
        run_id = freeze(database, frozen, "eval", how)
        state = run_here(database, run_id, asked.own, shown_by(progress, run_id))
        results = Cells(database, run_id).results(state.seed_id, "test")
    missing = [case.id for case in cases if case.id not in results]
    if missing:
        detail = state.finished.detail or state.finished.stop_reason if state.finished else "it ended early"
        raise RunError(
            f"{len(missing)} of {len(cases)} cases were not scored: {detail}", where=f"run {run_id}"
        )
    found = tuple(results[case.id] for case in cases)
    score = interval([result.score for result in found], [result.weight for result in found])
    return Evaluation(
        prompt_id=state.seed_id, split="test", results=found, score=score, simulated=state.simulated
    )


def freeze(database: Database, asked: Assembled, kind: str, how: HowToScore) -> str:
    """A new run of what was asked for, once it is sure that it can be carried out; returns its id."""
    settings, project = asked.project.settings, asked.project
    check_runnable(settings, project.dir, kind, asked.own, to_try=SIMULATE)
    check_cases(settings, asked.dataset, project.dir, asked.own, to_try=SIMULATE)
    frozen = Frozen(settings, asked.dataset, project.dir, project.path)
    return create_frozen(database, frozen, kind=kind, trusted=how.get("trust", False))


def _taken_up(
    database: Database, reference: str, task: TaskSpec | str | None, dataset: Cases | None, how: How
) -> tuple[str, Any]:
    if dataset is not None:
        raise SettingsError("a run that is resumed has its own cases", where=WHERE, fix="leave dataset out")
    own = own_of(task, how)
    run_id = Runs(database).find(reference).id
    may_resume(database, run_id, trusted=how.get("trust", False))
    return run_id, own


def _settings_of(database: Database, prompt: Prompt | str) -> ProjectSettings | None:
    """The settings of the run that a prompt came out of, if this store has it."""
    run_id = prompt.metadata.get("run_id") if isinstance(prompt, OptimizedPrompt) else None
    if not run_id:
        return None
    try:
        return Runs(database).settings(Runs(database).find(str(run_id)).id)
    except RunError:
        return None


def _to_score(asked: Assembled, dataset: Dataset) -> Assembled:
    scoring = OptimizerSettings.model_validate({"name": "none", "split": "test"})
    settings = asked.project.settings.model_copy(update={"optimizer": scoring})
    return replace(asked, project=replace(asked.project, settings=settings), dataset=dataset)


def best_of(database: Database, state: RunState) -> OptimizedPrompt:
    """The best prompt of a run so far, with where the run stands in its metadata.

    Raises:
        RunError: no prompt was scored yet.
    """
    prompt = Cells(database, state.run_id).prompt(state.best_id)
    if prompt is None:
        raise RunError("no prompt was scored", where=f"run {state.run_id}")
    summary = summarize(state)
    best: dict[str, Any] = summary.pop("best") or {}
    about = {
        "optimizer": state.optimizer,
        "candidate_id": state.best_id,
        "failures": best.get("failures"),
    }
    scores = {split: best.get(split) for split in ("validation", "test")}
    return OptimizedPrompt(
        text=prompt.text, demonstrations=prompt.demonstrations, metadata={**summary, **about, **scores}
    )


def _tell(progress: Progress, notices: tuple[str, ...]) -> None:
    if progress is True:
        for notice in notices:
            _say(f"note: {notice}")


def shown_by(progress: Progress, run_id: str) -> Show:
    """What tells how a run goes, as ``progress`` of :func:`optimize` wants it."""
    if progress is False:
        return lambda _stored, _state: None
    if progress is not True:
        return lambda stored, state: progress(stored.event, state)
    _say(f"run {run_id}; promptopt attach {run_id} watches it, promptopt pause, edit and stop steer it")
    return _Lines()


class _Lines:
    """Tells each new line of the run's log."""

    def __init__(self) -> None:
        self._last: Activity | None = None

    def __call__(self, stored: Stored, state: RunState) -> None:
        line = state.activity[-1] if state.activity else None
        if line is None or line is self._last:
            return
        self._last = line
        clock = time.strftime("%H:%M:%S", time.localtime(line.at))
        mark = "" if line.level == "info" else f"{line.level}: "
        simulated = " (simulated)" if state.simulated and isinstance(stored.event, _MEASURED) else ""
        _say(f"{clock}  {mark}{line.text}{simulated}")


def _say(text: str) -> None:
    # In a notebook standard error is shown as if something had gone wrong.
    stream = sys.stdout if "ipykernel" in sys.modules else sys.stderr
    print(sanitize(text), file=stream, flush=True)
