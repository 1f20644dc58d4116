"""What a run that makes cases up says of them, as events of its stream."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Fault = Literal["unreadable", "repeated", "nearly repeated", "malformed", "failed"]
"""Why a draft was left out: ``repeated`` is an exact repetition; ``unreadable`` a whole reply without any
case; ``failed`` a request that brought no reply; ``malformed`` a case that lacks something."""


PARAPHRASE = "paraphrase"
"""Tag of a case that is one of several phrasings; those of one case are a group, which no split parts."""

FACTS = "facts"
"""Name of a case's own check of the texts of its input that an answer must keep."""


class DraftedCase(BaseModel):
    """A case that was made up and taken.

    Attributes:
        case_id: its id.
        cell: the place of its cell in the grid.
        case: the case as JSON (an ``Example``, which who only watches need not know).
        note: what of it was left out, and why.
    """

    model_config = ConfigDict(frozen=True)

    case_id: str
    cell: int
    case: dict[str, Any]
    note: str = ""


class LeftOut(BaseModel):
    """A draft that was not taken.

    Attributes:
        cell: the place of its cell in the grid; None if nobody knows.
        text: its input, in short.
    """

    model_config = ConfigDict(frozen=True)

    fault: Fault
    reason: str
    cell: int | None = None
    text: str = ""


class GenerationStarted(BaseModel):
    """What is made up: the scenario, and how many cases of each cell of the grid.

    Attributes:
        personas, difficulties, situations: names; the cells are all their combinations, by persona, then
            difficulty, then situation.
        wanted: cases of each cell.
        realism: a judge says of each case how real it seems.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["generation_started"] = "generation_started"
    scenario: str
    title: str
    count: int
    personas: list[str]
    difficulties: list[str]
    situations: list[str]
    wanted: list[int]
    realism: bool = False


class CasesDrafted(BaseModel):
    """What one request brought. Batches are told in the order of their numbers.

    Attributes:
        batch: number of the request, from 1.
        asked: cases that it asked for.
        replies: that it took; more than one if the first could not be used.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["cases_drafted"] = "cases_drafted"
    batch: int
    asked: int
    replies: int = 1
    cases: list[DraftedCase] = []
    left_out: list[LeftOut] = []


class CaseRated(BaseModel):
    """How real a case seems to the judge, from 0 to 10; None: it gave no verdict."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["case_rated"] = "case_rated"
    case_id: str
    score: float | None
    reason: str = ""


class DatasetMeasured(BaseModel):
    """The quality of all cases that were made up, once that is over.

    Attributes:
        quality: figures, as :meth:`promptopt.synthetic.quality.DataQuality.as_json` gives them.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["dataset_measured"] = "dataset_measured"
    quality: dict[str, Any]
