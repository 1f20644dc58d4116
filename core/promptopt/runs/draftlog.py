"""Cases that a run has made up, as its stream has them: read at once, or what has come since."""

from dataclasses import dataclass, field

from promptopt.domain.dataset import Example
from promptopt.domain.drafted import CaseRated, CasesDrafted, DatasetMeasured, DraftedCase, LeftOut
from promptopt.store.database import Database
from promptopt.store.reviews import Reviews
from promptopt.store.runlog import RunLog
from promptopt.synthetic.reviewing import ReviewQueue

KINDS = ("cases_drafted", "case_rated", "dataset_measured")

PAGE = 1000
"""Events that are read at once."""


@dataclass
class Drafts:
    """Cases of a run.

    Attributes:
        cases: those that were taken, by id, in order.
        batches: of each the number of its request.
        ratings: what the judge said of each, by id.
        left_out: drafts that were not taken, in order.
        ends: how many of them there were whenever the run had ended.
        upto: place in the stream of the last event that was read.
    """

    cases: dict[str, DraftedCase] = field(default_factory=dict[str, DraftedCase])
    batches: dict[str, int] = field(default_factory=dict[str, int])
    ratings: dict[str, CaseRated] = field(default_factory=dict[str, CaseRated])
    left_out: list[LeftOut] = field(default_factory=list[LeftOut])
    ends: list[int] = field(default_factory=list[int])
    upto: int = 0


def read_drafts(log: RunLog, after: int = 0) -> Drafts:
    """What the stream has of cases after its ``after``-th event.

    A worker that took a run up may say a request again: what was said first stays.
    """
    found = Drafts(upto=after)
    told: set[int] = set()
    while page := log.of_kinds(KINDS, PAGE, found.upto):
        for stored in page:
            event = stored.event
            if isinstance(event, CasesDrafted) and event.batch not in told:
                told.add(event.batch)
                for draft in event.cases:
                    found.cases.setdefault(draft.case_id, draft)
                    found.batches.setdefault(draft.case_id, event.batch)
                found.left_out += event.left_out
            elif isinstance(event, CaseRated):
                found.ratings[event.case_id] = event
            elif isinstance(event, DatasetMeasured):
                found.ends.append(len(found.cases))
        found.upto = page[-1].n
    return found


def review_of(database: Database, run_id: str, drafts: Drafts) -> ReviewQueue:
    """The review of a run's cases."""
    cases = [Example.model_validate(draft.case) for draft in drafts.cases.values()]
    ratings = {name: rated.score for name, rated in drafts.ratings.items()}
    return ReviewQueue(Reviews(database, run_id, run_id), cases, ratings)
