"""What an optimizer is, and the door through which it reaches the world."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.events import MatchFinished, Meter, Notice, Role, StageStarted, StandingsUpdated
from promptopt.domain.forecast import Plan, Scale
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Comparison, Evaluation, Feedback
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.task import TaskSpec

Shown = StageStarted | MatchFinished | StandingsUpdated | Notice
"""What an optimizer may tell beside its candidates."""


class RunContext(Protocol):
    """All that an optimizer can do. Journal, budget, pause, stop and edits hold for every call made here."""

    @property
    def settings(self) -> ProjectSettings: ...
    @property
    def task(self) -> TaskSpec: ...
    @property
    def dataset(self) -> Dataset:
        """Train and validation cases; the test split is sealed, and empty here."""
        ...

    @property
    def seed_prompt(self) -> Prompt:
        """The prompt to start from."""
        ...

    async def complete(
        self,
        role: Role,
        messages: Sequence[Message],
        *,
        path: str = "",
        sample: int = 0,
        case_id: str = "",
        temperature: float | None = None,
        judge: str = "",
    ) -> LLMResponse:
        """Ask a model.

        Args:
            path: names the place in the run; equal content at one path is answered once. What
                :meth:`evaluate` sends to the target model has the path ``""``.
            sample: number of the draw, to have equal content answered afresh.
            case_id: the case that is asked about, for the record.
            temperature: in place of the role's own.
            judge: with the role ``judge``, the name of one of the project's ``judges``.

        Raises:
            CallFailed: no answer after all retries.
        """
        ...

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        """What an answer to a case is worth, by the project's checks; never raises for a bad answer."""
        ...

    def noted(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        """Keep and show a result that the optimizer came by itself, with complete and judge."""
        ...

    def measuring(self, prompt: Prompt, split: Split, total: int) -> None:
        """Show that a prompt is measured case by case, with complete, judge and noted, on ``total`` cases."""
        ...

    def measured(self, evaluation: Evaluation) -> None:
        """Show the score that such cases came to; what is shown stays until it is told anew."""
        ...

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None, *, counts: bool = True
    ) -> Evaluation:
        """Score a prompt on a split, or on some of its cases.

        Args:
            counts: it becomes the candidate's score on the split, by which the best one is known.
        """
        ...

    def candidate(
        self,
        prompt: Prompt,
        *,
        iteration: int,
        parent: Prompt | None,
        reasoning: str,
        confidence: float | None = None,
        made_by: str = "",
    ) -> None:
        """Enter a prompt in the running. ``made_by``: the optimizer, where it is not the run's own."""
        ...

    def feedback(self, feedback: Feedback, against: Prompt | None = None) -> None:
        """Show what an evaluation teaches, and what changed ``against`` the prompt it was compared with."""
        ...

    def judged(
        self,
        prompt: Prompt,
        against: Prompt,
        accepted: bool,
        reason: str,
        comparison: Comparison | None,
        *,
        outright: bool = False,
    ) -> None:
        """Show whether a candidate took its parent's place. Only accepted ones can win.

        Args:
            outright: judges decided: the one it was judged against can no longer win, whatever it scores.
        """
        ...

    def refused(self, iteration: int, attempt: int, reason: str) -> None:
        """Show that a proposal could not be used."""
        ...

    def show(self, event: Shown) -> None:
        """Show how a tournament goes, which optimizer is at work, or something else worth knowing."""
        ...

    def spending(self) -> Mapping[str, Meter]:
        """What was spent so far and what the caps are, as in ``BudgetMoved``. It depends on when it is
        asked: what decides the course of a search has to be counted otherwise, or a resumed run strays.
        """
        ...

    def iteration(self, number: int) -> None:
        """Show that an iteration starts."""
        ...

    def adopted(self) -> Prompt | None:
        """The person's edit to go on from, if one was adopted since the last call."""
        ...

    def restored(self) -> dict[str, Any] | None:
        """The state of the last checkpoint of this run, if it has one."""
        ...

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None:
        """Keep ``state`` (JSON values), in place of the one before."""
        ...


class OptimizerOptions(BaseModel):
    """Settings of an optimizer, from ``[optimizer]`` of the project file.

    Attributes:
        seed: of everything random.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    seed: int = 0


class BaseOptimizer(ABC):
    """An optimizer. Subclasses say how they search; the engine does everything around it.

    Attributes:
        name: as in ``[optimizer] name = …``.
        Options: pydantic model of its settings, with documented defaults.
    """

    name: ClassVar[str]
    Options: ClassVar[type[OptimizerOptions]] = OptimizerOptions

    def __init__(self, options: OptimizerOptions) -> None:
        self.options = options

    @classmethod
    def from_settings(cls, settings: ProjectSettings) -> "BaseOptimizer":
        """Make the optimizer that a project asks for.

        Raises:
            SettingsError: a setting it does not know, or a bad value.
        """
        return cls.from_options(settings.optimizer.model_dump())

    @classmethod
    def from_options(cls, given: Mapping[str, Any], where: str = "optimizer") -> "BaseOptimizer":
        """Make an optimizer of settings as a project file has them.

        Args:
            where: the table that they stand in, for messages.

        Raises:
            SettingsError: a setting it does not know, or a bad value.
        """
        try:
            options = cls.Options.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            known = ", ".join(name for name in cls.Options.model_fields if name != "name")
            found = "" if first["type"] == "extra_forbidden" else f", found {given.get(key)!r}"
            said = "unknown setting" if first["type"] == "extra_forbidden" else first["msg"]
            raise SettingsError(
                f"{said}{found}", where=f"{where}.{key}", fix=f"{cls.name} knows: {known}"
            ) from None
        return cls(options)

    @property
    def max_iterations(self) -> int | None:
        """The most iterations it will do, if it has such a limit."""
        return None

    @property
    def needs_judges(self) -> bool:
        """Whether it asks judge models, as tournaments do: then they are opened, or the run is refused."""
        return False

    def plan(self, scale: Scale) -> Plan | None:
        """State how many calls the search makes at least, likely and at most; None if it can't say.

        The engine adds the baseline and the sealed test. People's edits and retries are left out.
        """
        return None

    @abstractmethod
    async def search(self, context: RunContext) -> StopRun:
        """Look for a better prompt until done; return why it ended.

        It may be cancelled at any ``await``, and asked again in another process: then what
        ``context.restored()`` gives is the last state it kept, and calls made before are answered from the
        journal. ``Redirected`` out of an ``await`` means that a person's edit waits in ``context.adopted()``.
        """
