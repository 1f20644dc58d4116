"""What a check is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from promptopt.domain.dataset import Example
from promptopt.evaluation.boxes import Boxes


@dataclass(frozen=True)
class Opinion:
    """A score in [0, 1] and, if it is not 1, why."""

    score: float
    reason: str = ""


RIGHT = Opinion(1.0)


class Check(BaseModel, ABC):
    """Judges one output. The fields of a subclass are its options, as they stand in the project file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    @property
    def needs_expected(self) -> bool:
        """Whether it says nothing of a case that has no expected output."""
        return False

    def check_options(self, where: str, project_dir: Path) -> None:
        """Raise SettingsError for what can only be seen by looking further than the types of the options."""

    def check_expected(self, expected: str) -> str:
        """What is wrong with a reference output for this check; empty if nothing is."""
        return ""

    @abstractmethod
    async def judge(self, case: Example, output: str, boxes: Boxes) -> Opinion:
        """Judge ``output``. Anything that it raises counts as a failed check with that reason."""
