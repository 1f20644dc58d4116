"""What a check is."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example
from promptopt.domain.events import Role
from promptopt.domain.forecast import Asking
from promptopt.domain.prompt import Message
from promptopt.evaluation.boxes import Boxes
from promptopt.evaluation.embedding import Embed
from promptopt.evaluation.functions import NO_FUNCTIONS, Functions


@dataclass(frozen=True)
class Opinion:
    """A score in [0, 1] and, if it is not 1, why.

    ``passed`` None: whether it passes is decided by the check's threshold.
    """

    score: float
    reason: str = ""
    passed: bool | None = None


RIGHT = Opinion(1.0)


def _tell_nobody(text: str) -> None:
    """What is told where nobody listens."""


Ask = Callable[[Sequence[Message], str, int], Awaitable[LLMResponse]]
"""Asks the judge model: messages, the path of the call in the run, and the number of the draw."""

NO_ROLES: frozenset[Role] = frozenset()


@dataclass(frozen=True)
class Tools:
    """What a check has at hand: where code of people runs, what is known of the call, the judge model.

    Attributes:
        project_dir: the folder of the project file.
        boxes: the sandboxes, for code of people and for code of ours that outputs could keep busy for long.
        response: the answer that is judged, with its cost and latency; None if that is not known.
        ask: the judge model; None if there is none to ask.
        embed: the embedding model; None if there is none to ask.
        warn: tells the reader of the run something, once.
        functions: those of the calling program.
    """

    project_dir: Path
    boxes: Boxes
    response: LLMResponse | None = None
    ask: Ask | None = None
    embed: Embed | None = None
    warn: Callable[[str], None] = _tell_nobody
    functions: Functions = NO_FUNCTIONS


class Check(BaseModel, ABC):
    """Judges one output. The fields of a subclass are its options, as they stand in the project file.

    Attributes:
        passes_from: lowest score that passes if the project gives no threshold.
        about_form: it looks at the output's form (or what it took), not at whether the output is right.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    passes_from: ClassVar[float] = 1.0
    about_form: ClassVar[bool] = False

    @property
    def needs_expected(self) -> bool:
        """Whether it says nothing of a case that has no expected output."""
        return False

    @property
    def asks(self) -> frozenset[Role]:
        """The models that it asks."""
        return NO_ROLES

    def asking(self, case: Example) -> Sequence[Asking]:
        """What judging one answer to ``case`` asks of models, for the forecast."""
        return ()

    @property
    def of_form(self) -> bool:
        """``about_form``, or what a group's members make of it."""
        return self.about_form

    def applies(self, case: Example) -> bool:
        """Whether it has something to say of ``case``."""
        return case.expected is not None or not self.needs_expected

    def check_options(self, where: str, project_dir: Path) -> None:
        """Raise SettingsError for what can only be seen by looking further than the types of the options."""

    def check_expected(self, expected: str) -> str:
        """What is wrong with a reference output for this check; empty if nothing is."""
        return ""

    def flaw_of(self, case: Example) -> str:
        """Why this check can't judge ``case``; empty if it can."""
        return self.check_expected(case.expected) if case.expected is not None else ""

    @abstractmethod
    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        """Judge ``output``. Anything that it raises counts as a failed check with that reason."""
