"""A small finished run, as a store has it: for what reads runs rather than doing them."""

from collections.abc import Sequence
from pathlib import Path

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Comparison, Interval
from promptopt.domain.settings import ProjectSettings
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs

SEED = Prompt(text="Label the ticket.")
BEST = Prompt(text='Label the ticket {text} with one word.\r\nNo "quotes", no {braces} — \u00e9\u4e2d.\n')
CASES = tuple(Example(id=f"c{n}", inputs={"text": f"ticket {n}"}, expected="a") for n in range(12))
DATASET = Dataset(train=CASES[:4], validation=CASES[4:8], test=CASES[8:])
HALF = Interval(mean=0.5, low=0.123456789, high=0.8, n=4)
FULL = Interval(mean=1.0, low=0.6, high=1.0, n=4)
GAIN = Comparison(
    difference=Interval(mean=0.5, low=0.1, high=0.9, n=4),
    p_value=0.0312345678,
    verdict="better",
    method="exact",
    effects={"cohens_h": 1.5707963},
)


def settings(**changes: object) -> ProjectSettings:
    """The project of the run."""
    table: dict[str, object] = {
        "name": "tickets",
        "prompt": SEED.text,
        "models": {"target": {"model": "openai/gpt-4o-mini", "temperature": 0.0, "max_tokens": 64}},
        "budget": {"usd": 1.0},
    }
    return ProjectSettings.model_validate(table | changes)


def opening(run_id: str, *, simulated: bool = False) -> list[ev.Event]:
    """Up to and with the seed's score."""
    sizes: dict[ev.Split, int] = {"train": 4, "validation": 4, "test": 4}
    mark = ev.CaseMark(case_id="c4", score=1.0, passed=True)
    return [
        ev.RunStarted(
            run_id=run_id,
            project="tickets",
            optimizer="refine",
            models={"target": ev.ModelInfo(model="openai/gpt-4o-mini", simulated=simulated)},
            sizes=sizes,
            simulated=simulated,
        ),
        ev.PhaseStarted(phase="baseline"),
        ev.CandidateProposed(candidate_id=SEED.id, text=SEED.text, source="seed"),
        ev.EvaluationStarted(candidate_id=SEED.id, split="validation", total=4),
        ev.CasesFinished(candidate_id=SEED.id, split="validation", cases=[mark]),
        ev.CandidateScored(candidate_id=SEED.id, split="validation", score=HALF, passed=2),
    ]


def rest() -> list[ev.Event]:
    """From the search to the end."""
    meters = {
        "usd": ev.Meter(spent=0.01234567, uncertain=0.002, limit=1.0),
        "calls": ev.Meter(spent=40, uncertain=1),
        "tokens": ev.Meter(spent=5000, uncertain=80),
        "minutes": ev.Meter(spent=0.5),
    }
    return [
        ev.PhaseStarted(phase="search"),
        ev.IterationStarted(iteration=1),
        ev.CandidateProposed(
            candidate_id=BEST.id, text=BEST.text, source="optimizer", iteration=1, parent_id=SEED.id
        ),
        ev.FeedbackReady(
            candidate_id=BEST.id,
            against_id=SEED.id,
            split="train",
            categories={"too verbose": 2, "refusal": 1},
            clusters=[
                ev.ClusterMark(
                    category="too verbose", detail="exact", count=2, case_id="c1", contrast_id="c0"
                )
            ],
        ),
        ev.CandidateScored(candidate_id=BEST.id, split="validation", score=FULL, passed=4),
        ev.CandidateJudged(candidate_id=BEST.id, against_id=SEED.id, accepted=True, reason="gain"),
        ev.PhaseStarted(phase="test"),
        ev.CandidateScored(candidate_id=SEED.id, split="test", score=HALF, passed=2),
        ev.CandidateScored(candidate_id=BEST.id, split="test", score=FULL, passed=4, errors=1),
        ev.BudgetMoved(meters=meters, replayed=3),
        ev.RunFinished(
            status="finished",
            stop_reason="all_pass",
            seed_id=SEED.id,
            best_id=BEST.id,
            iterations=1,
            comparison=GAIN,
        ),
    ]


def write_events(database: Database, run_id: str, events: Sequence[ev.Event]) -> None:
    """Append to a run's stream as its worker would."""
    log = RunLog(database, run_id)
    for event in events:
        log.append(event)
    database.transact(lambda _: None).result()  # who reads now finds them


def finished_run(database: Database, folder: Path, *, simulated: bool = False) -> str:
    """Store the run; returns its id."""
    models = {"models": {"target": {"model": "sim/target"}}} if simulated else {}
    run_id = Runs(database).create(settings(**models), DATASET, folder)
    cells = Cells(database, run_id)
    for prompt in (SEED, BEST):
        cells.keep_prompt(prompt)
    write_events(database, run_id, [*opening(run_id, simulated=simulated), *rest()])
    Runs(database).summarize(run_id, status="finished", seed_score=0.5, best_score=1.0, usd=0.0123, calls=40)
    database.close()
    return run_id
