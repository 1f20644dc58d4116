"""What a run that made cases up has made: its cases as a data set, with where each comes from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.drafted import DraftedCase
from promptopt.domain.errors import RunError
from promptopt.runs.draftlog import read_drafts
from promptopt.runs.generating import NAME, GenerationPlan, generation_plan_of
from promptopt.store.database import Database
from promptopt.store.reviews import Reviews
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs
from promptopt.synthetic.grid import Cell, cells_of
from promptopt.synthetic.reviewing import ReviewQueue
from promptopt.synthetic.splitting import SHARES, split_by_cell


@dataclass(frozen=True)
class Generated:
    """The cases of a run.

    Attributes:
        run: its row.
        plan: what was to be made.
        drafts: the cases that were made, in order.
        ratings: how real each seems, from 0 to 10, by id; None: without a verdict.
        model: that made them up.
        simulated: that model is a simulation.
        ends: how many cases there were whenever the run had ended; they keep the splits of then.
    """

    run: RunRow
    plan: GenerationPlan
    drafts: tuple[DraftedCase, ...]
    ratings: Mapping[str, float | None]
    model: str
    simulated: bool
    ends: tuple[int, ...] = ()

    @property
    def cases(self) -> list[Example]:
        """The cases, without what is told of them."""
        return [Example.model_validate(draft.case) for draft in self.drafts]

    def cell(self, draft: DraftedCase) -> Cell:
        """The cell that a case was made for."""
        return cells_of(self.plan.scenario)[draft.cell]

    def dataset(
        self,
        cases: Sequence[Example] | None = None,
        shares: tuple[float, float, float] = SHARES,
        seed: int | None = None,
    ) -> Dataset:
        """The cases in splits: dealt by cell, and no two that are alike across them.

        Args:
            cases: in place of all: those that a person has kept, as he has edited them. What was dealt to a
                split stays there.
            seed: of the deal; None: the run's.

        Raises:
            RunError: there is no case.
        """
        if not self.drafts:
            raise RunError("it has made no case yet", where=f"run {self.run.id}")
        whole = split_by_cell(self.cases, self.plan.seed if seed is None else seed, shares, self.ends)
        if cases is None:
            return whole
        kept = {case.id: case for case in cases}
        parts = {
            split: tuple(
                kept[case.id].model_copy(update={"group": case.group})
                for case in whole[split]
                if case.id in kept
            )
            for split in ("train", "validation", "test")
        }
        return Dataset(**parts, held_back=whole.held_back)


def generated_by(database: Database, reference: str) -> Generated:
    """What a run has made so far.

    Args:
        reference: its id, a part of it, or ``latest``.

    Raises:
        RunError: there is no such run, or it makes no cases.
    """
    runs = Runs(database)
    row = runs.find(reference)
    if row.kind != NAME:
        raise RunError(
            f"run {row.id} makes no cases, it is of the kind {row.kind!r}",
            fix="promptopt runs lists runs; promptopt data generate starts one that does",
        )
    settings = runs.settings(row.id)
    drafts = read_drafts(RunLog(database, row.id))
    generator = settings.models["generator"]
    return Generated(
        row,
        generation_plan_of(settings),
        tuple(drafts.cases.values()),
        {name: rated.score for name, rated in drafts.ratings.items()},
        generator.model,
        generator.simulated,
        tuple(drafts.ends),
    )


def dataset_of_run(database: Database, reference: str) -> Dataset:
    """The cases of a run that makes cases up, in splits; what people have decided on them is carried out.

    Raises:
        RunError: there is no such run, it makes no cases, or has made none yet.
    """
    found = generated_by(database, reference)
    return found.dataset(queue_of(database, found).kept())


def queue_of(database: Database, generated: Generated) -> ReviewQueue:
    """The review of a run's cases."""
    return ReviewQueue(
        Reviews(database, generated.run.id, generated.run.id), generated.cases, generated.ratings
    )
