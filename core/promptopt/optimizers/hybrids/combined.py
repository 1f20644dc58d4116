"""What all hybrids share: they run other optimizers as stages, and are resumed in the middle of one.

A hybrid says in :meth:`Combined.combine` what it does, as if nothing could interrupt it. Asked again in
another process it says the same again: stages that came to their end are answered from the checkpoint, the
one that was under way goes on from what it kept, and its calls are answered from the journal.
"""

import base64
import contextlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.events import Notice, StageStarted
from promptopt.domain.forecast import Plan, Scale
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import Redirected, StopRun
from promptopt.domain.words import Role
from promptopt.optimizers import registry
from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions, RunContext
from promptopt.optimizers.hybrids.outlook import Share, together
from promptopt.optimizers.stages import DIGEST_BYTES, Stage, StageOver

Classes = Mapping[str, type[BaseOptimizer]]
"""Optimizers that the calling program has, by name."""

NO_CLASSES: Classes = MappingProxyType({})


def _each_once(names: list[str]) -> list[str]:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"each optimizer takes part once, and {twice!r} is given twice")
    return names


Names = Annotated[list[str], AfterValidator(_each_once)]
"""Optimizers, each once."""


class CombinedOptions(OptimizerOptions):
    """Settings of every hybrid.

    Attributes:
        settings: settings of the optimizers that it runs, a table by the optimizer's name.
        calls: most target calls of all stages together; None: as many as the budget allows.
    """

    settings: dict[str, dict[str, Any]] = Field(default_factory=dict[str, dict[str, Any]])
    calls: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class Part:
    """What a stage is to do.

    Attributes:
        optimizer: its name.
        start: the prompt to start from.
        reason: why this one now, for people.
        calls: most target calls.
        seed: in place of the hybrid's own.
        settings: over those of the project file.
        dataset: cases in place of the run's.
        kind: ``Rehearsal`` for a stage on other cases, whose scores are none of the run.
        scored: what its best prompt is scored on; None: the validation cases of the run.
    """

    optimizer: str
    start: Prompt
    reason: str = ""
    calls: int | None = None
    seed: int | None = None
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    dataset: Dataset | None = None
    kind: type[Stage] = Stage
    scored: Sequence[Example] | None = None

    @property
    def split(self) -> Split:
        """Where the scores of its best prompt are shown."""
        return "validation" if self.scored is None else "train"


class Outcome(BaseModel):
    """How a stage ended.

    Attributes:
        best: the prompt that it came to.
        score: of that, in the mean.
        scores: by case, where the stage had cases of its own to be scored on.
        used: different target calls that it asked for.
        ended: why, in words.
        iterations: of the run, this stage's included.
        edit: a person's prompt that it took up.
    """

    model_config = ConfigDict(frozen=True)

    optimizer: str
    best: Prompt
    score: float
    scores: dict[str, float] = {}
    used: int
    ended: str
    iterations: int
    edit: Prompt | None = None


class _Kept(BaseModel):
    """A hybrid's checkpoint.

    Attributes:
        done: stages that came to their end.
        state, iteration, best, edit, asked: what the stage under way kept, the run's iterations then, its
            best prompt so far, the person's that it took up, and the target calls that it asked for (their
            digests, in base64).
        edits: a person's prompts that were taken up between stages, by how many stages were done.
    """

    done: list[Outcome] = []
    state: dict[str, Any] | None = None
    iteration: int = 0
    best: Prompt | None = None
    edit: Prompt | None = None
    asked: str = ""
    edits: dict[int, Prompt] = {}


class Play:
    """One hybrid at work: runs its stages, and knows what they came to.

    Attributes:
        best: the prompt to go on from.
    """

    def __init__(self, context: RunContext, options: CombinedOptions, classes: Classes = NO_CLASSES) -> None:
        self._context = context
        self._options = options
        self._classes = classes
        self._kept = _Kept.model_validate(context.restored() or {})
        self._played = 0
        self._last: Part | None = None
        self._at_work: tuple[BaseOptimizer, Stage] | None = None
        self.best = context.seed_prompt
        self.used = 0

    @property
    def context(self) -> RunContext:
        return self._context

    async def stage(self, part: Part) -> Outcome:
        """Run an optimizer, or tell how it ended, if it did before.

        Raises:
            StopRun: the run ends.
        """
        self._played += 1
        self._last = part
        if self._played <= len(self._kept.done):
            outcome = self._kept.done[self._played - 1]
        else:
            outcome = await self._run(part)
            self._kept = _Kept(done=[*self._kept.done, outcome], edits=self._kept.edits)
            self._keep(outcome.iterations)
        self.used += outcome.used
        return outcome

    def edited(self, best: Prompt) -> Prompt:
        """``best``, or the person's prompt that was adopted after the stage that came to it."""
        self.best = self._kept.edits.get(self._played, best)
        return self.best

    def edit(self, outcome: Outcome) -> Prompt | None:
        """The person's prompt that was adopted during the last stage, which came to ``outcome``, or after."""
        return self._kept.edits.get(self._played, outcome.edit)

    async def follow_up(self) -> None:
        """Run the last stage once more, from the person's prompt that was adopted after it, if one was."""
        while self._last is not None and self._played in self._kept.edits:
            left = self.left
            calls = self._last.calls if left is None else min(left, self._last.calls or left)
            start = self._kept.edits[self._played]
            await self.stage(replace(self._last, start=start, reason="again, from your prompt", calls=calls))

    async def finish(self) -> None:
        """Have the stage under way score what it found, its share used up or not."""
        if self._at_work is not None:
            optimizer, stage = self._at_work
            stage.release()
            with contextlib.suppress(StageOver):
                await optimizer.finish(stage)

    def take_up_edit(self) -> None:
        """Go on from a person's prompt, if one was adopted between two stages."""
        edit = self._context.adopted()
        if edit is not None:
            self._kept.edits[len(self._kept.done)] = edit
            self._keep(self.iterations)
        self._played = self.used = 0
        self.best = self._kept.edits.get(0, self._context.seed_prompt)

    @property
    def left(self) -> int | None:
        """Target calls that the stages to come may make; None without a limit."""
        return None if self._options.calls is None else max(0, self._options.calls - self.used)

    async def _run(self, part: Part) -> Outcome:
        optimizer = make(part.optimizer, self._options, part.seed, part.settings, self._classes)
        optimizer.fit_to(self._context.settings)
        self._context.show(
            StageStarted(
                number=self._played, optimizer=part.optimizer, start_id=part.start.id, reason=part.reason
            )
        )

        def keep(iteration: int, state: dict[str, Any]) -> None:
            self._kept.state, self._kept.iteration = state, iteration
            self._kept.best, self._kept.edit = stage.best, stage.edit
            self._kept.asked = base64.b64encode(b"".join(sorted(stage.asked))).decode()
            self._keep(iteration)

        stage = part.kind(
            self._context,
            f"{self._played} {part.optimizer}",
            part.start,
            calls=part.calls,
            iterations=self.iterations,
            state=self._kept.state,
            keep=keep,
            dataset=part.dataset,
        )
        stage.hold(optimizer.finals * len(stage.dataset.validation))
        stage.best, stage.edit = self._kept.best or part.start, self._kept.edit
        stage.iterations = max(stage.iterations, self._kept.iteration)
        stage.asked = _digests(self._kept.asked)
        self._at_work = optimizer, stage
        ended = await _end_of(optimizer, stage)
        self._at_work = None
        evaluation = await self._context.evaluate(
            stage.best, part.split, part.scored, counts=part.scored is None
        )
        return Outcome(
            optimizer=part.optimizer,
            best=stage.best,
            score=evaluation.score.mean,
            scores={result.case_id: result.score for result in evaluation.results} if part.scored else {},
            used=stage.used + len(part.scored or ()) * self._context.settings.evaluation.repeats,
            ended=ended,
            iterations=stage.iterations,
            edit=stage.edit,
        )

    @property
    def iterations(self) -> int:
        """Of the run so far, stages that came to their end counted."""
        return self._kept.done[-1].iterations if self._kept.done else 0

    def _keep(self, iteration: int) -> None:
        self._context.checkpoint(iteration, self._kept.model_dump(mode="json"))


def _digests(kept: str) -> set[bytes]:
    together = base64.b64decode(kept)
    return {together[at : at + DIGEST_BYTES] for at in range(0, len(together), DIGEST_BYTES)}


async def _end_of(optimizer: BaseOptimizer, stage: Stage) -> str:
    """Run a stage to its end, or until it has used its share; an edit may start it anew."""
    over = ""
    while True:
        try:
            if over:
                await optimizer.finish(stage)
                return over
            end = await optimizer.search(stage)
        except StageOver as signal:
            if over:
                return over
            over = str(signal)
            stage.release()
        except Redirected:
            over = ""
        except RunError as error:  # it can't go on; the others of the hybrid can
            stage.show(Notice(level="warning", text=f"{optimizer.name} ended without a result: {error.what}"))
            return error.what
        else:
            return end.detail or end.reason


def make(
    name: str,
    options: CombinedOptions,
    seed: int | None = None,
    more: Mapping[str, Any] | None = None,
    classes: Classes = NO_CLASSES,
) -> BaseOptimizer:
    """An optimizer of a hybrid.

    Args:
        classes: those that the calling program has, by name; they come before the registered ones.

    Raises:
        SettingsError: there is none of that name, or its settings are wrong.
    """
    given = {**options.settings.get(name, {}), **(more or {})}
    own = {"name": name, "seed": options.seed if seed is None else seed, **given}
    found = classes.get(name) or registry.find(name, f"optimizer ({options.name})")
    return found.from_options(own, f"optimizer.settings.{name}")


class Combined(BaseOptimizer):
    """An optimizer made of others.

    Args:
        classes: optimizers of the calling program, by name, beside the registered ones.
    """

    Options: ClassVar[type[OptimizerOptions]] = CombinedOptions

    def __init__(
        self, options: OptimizerOptions | None = None, *, classes: Classes = NO_CLASSES, **settings: Any
    ) -> None:
        super().__init__(options, **settings)
        self._classes = classes
        self._play: Play | None = None
        self._members = self._made()  # what can't be made is refused before anything is spent
        self._refuse_strangers()

    def fit_to(self, settings: ProjectSettings) -> None:
        for member in self._members:
            member.fit_to(settings)

    @abstractmethod
    def members(self) -> Sequence[str]:
        """Names of the optimizers that it runs, or may run."""

    @abstractmethod
    async def combine(self, play: Play) -> StopRun:
        """Run stages until done; return why it ended. All that it decides by is what stages came to."""

    async def search(self, context: RunContext) -> StopRun:
        """Run the stages; a person's edit between two of them is what the next one starts from."""
        self._play = play = Play(context, cast(CombinedOptions, self.options), self._classes)
        while True:
            play.take_up_edit()
            try:
                end = await self.combine(play)
                await play.follow_up()
                return end
            except Redirected:
                continue

    @property
    def finals(self) -> int:
        return max((member.finals for member in self._members), default=0)

    async def finish(self, context: RunContext) -> None:
        if self._play is not None:
            await self._play.finish()

    @property
    def asks(self) -> frozenset[Role]:
        return frozenset[Role]().union(*(member.asks for member in self._members))

    @property
    def needs_judges(self) -> bool:
        return any(member.needs_judges for member in self._members)

    def _made(self) -> list[BaseOptimizer]:
        options = cast(CombinedOptions, self.options)
        return [make(name, options, classes=self._classes) for name in self.members()]

    def _refuse_strangers(self) -> None:
        """Raise SettingsError if there are settings of an optimizer that it does not run."""
        members = dict.fromkeys(self.members())
        for name in cast(CombinedOptions, self.options).settings:
            if name not in members:
                raise SettingsError(
                    f"{self.name} runs no optimizer {name!r}",
                    where=f"optimizer.settings.{name}",
                    fix=f"it runs {', '.join(members)}: name that one there too, or take its settings out",
                )

    def plan(self, scale: Scale) -> Plan | None:
        """What its stages need together, within ``calls``; None if one of its optimizers states no plan."""
        plans = [member.plan(self.scale_of_stages(scale)) for member in self._members]
        known = [plan for plan in plans if plan is not None]
        if len(known) < len(plans):
            return None
        return together(self.outlook(known, scale), cast(CombinedOptions, self.options).calls)

    def outlook(self, plans: Sequence[Plan], scale: Scale) -> list[Share]:
        """The stages that are to be expected, by the plans of its members; here: each once."""
        return [Share(plan) for plan in plans]

    def scale_of_stages(self, scale: Scale) -> Scale:
        """How large a search of one stage is; here: as large as the run's own."""
        return scale
