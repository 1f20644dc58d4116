"""Cases that people mend while a run goes on: a wrong expectation is put right, or the case is dropped."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from promptopt.domain.dataset import Dataset, Example


class Mend(BaseModel):
    """What became of a case. ``expected`` is its expectation now; None: the case is dropped."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    expected: str | None = None

    def applied(self, cases: "Iterable[Example]") -> "tuple[Example, ...]":
        """The cases with this one as it is now, or without it."""
        return tuple(
            case if case.id != self.case_id else case.model_copy(update={"expected": self.expected})
            for case in cases
            if case.id != self.case_id or self.expected is not None
        )


def mended(dataset: "Dataset", mends: Iterable[Mend]) -> "Dataset":
    """A dataset with cases as people have mended them. The sealed test is left alone."""
    for mend in mends:
        dataset = dataset.model_copy(
            update={"train": mend.applied(dataset.train), "validation": mend.applied(dataset.validation)}
        )
    return dataset
