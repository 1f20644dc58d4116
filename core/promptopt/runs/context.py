"""The door: what an optimizer sees of its run (see ``optimizers.base.RunContext``)."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from promptopt.domain import events as ev
from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.errors import RunError
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Cluster, Comparison, Evaluation, Feedback
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.clusters import MOST_CLUSTERS
from promptopt.evaluation.runner import Runner, gathered, unadmitted
from promptopt.models.endpoint import seat_of
from promptopt.models.gateway import Gateway
from promptopt.optimizers.base import Shown
from promptopt.runs.admission import Admission
from promptopt.runs.checkpoints import Checkpoints
from promptopt.runs.mustpass import MustPass
from promptopt.runs.redirects import Redirects
from promptopt.runs.scoring import Scoring
from promptopt.runs.voice import Voice
from promptopt.store.cells import Cells

LONGEST_DETAIL = 200
"""Characters that an event tells of the fault that failures share."""


class Context:
    """One run's door. It is not given the sealed test split: the engine has that scored, by :attr:`scoring`.

    Attributes:
        admission: of the optimizer's proposals.
        redirects: what sends the search elsewhere.
        scoring: of prompts, whoever wrote them.
    """

    def __init__(
        self,
        settings: ProjectSettings,
        task: TaskSpec,
        dataset: Dataset,
        gateway: Gateway,
        runner: Runner,
        cells: Cells,
        engine: Voice,
        meters: Callable[[], Mapping[str, ev.Meter]],
    ) -> None:
        self.settings = settings
        self.task = task
        self.dataset = dataset.model_copy(update={"test": ()})
        self.seed_prompt = settings.seed_prompt
        self._gateway = gateway
        self._cells = cells
        self._emit = engine.emit
        self._meters = meters
        self.admission = Admission(engine.state, engine.emit)
        self.redirects = Redirects()
        self.scoring = Scoring(gateway, runner, cells, engine.emit, self._note)
        self._checkpoints = Checkpoints(cells)
        self._prompts: dict[str, Prompt] = {}
        self._must_pass = MustPass(self.dataset.cases(), self.seed_prompt.id)
        self._refused: set[str] = set()
        """Prompts whose refusal was told, since nobody had asked before they were to be scored."""
        self._reached = 0
        """The highest number of an iteration that was told of, by this worker or an earlier one."""
        self._may_begin: Callable[[], bool] = lambda: True
        self._begun: Callable[[], None] = lambda: None

    async def complete(
        self,
        role: ev.Role,
        messages: Sequence[Message],
        *,
        path: str = "",
        sample: int = 0,
        case_id: str = "",
        temperature: float | None = None,
        judge: str = "",
    ) -> LLMResponse:
        seat = seat_of(role, judge)
        call = self._gateway.call(
            seat, messages, path=path, sample=sample, case_id=case_id, temperature=temperature
        )
        doing = "judge" if role == "judge" else "propose"
        with self._gateway.telemetry.span(doing, {"promptopt.role": role, "promptopt.path": path}):
            return await self.redirects.unless_redirected(call)

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        return await self.redirects.unless_redirected(self.scoring.judge(case, response))

    def noted(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        self.scoring.noted(prompt, split, result)

    def measuring(self, prompt: Prompt, split: Split, total: int) -> None:
        self._emit(ev.EvaluationStarted(candidate_id=prompt.id, split=split, total=total))

    def measured(self, evaluation: Evaluation) -> None:
        self.scoring.measured(evaluation)

    def spending(self) -> Mapping[str, ev.Meter]:
        return self._meters()

    def show(self, event: Shown) -> None:
        self._emit(event)

    async def evaluate(
        self, prompt: Prompt, split: Split, cases: Sequence[Example] | None = None, *, counts: bool = True
    ) -> Evaluation:
        chosen = self.dataset[split] if cases is None else cases
        why_not = await self.admit(prompt)
        if why_not:
            if prompt.id not in self._refused:
                self._refused.add(prompt.id)
                self.refused(self._reached, 1, why_not)
            return gathered(prompt.id, split, [unadmitted(case, why_not) for case in chosen])
        return await self.redirects.unless_redirected(
            self.scoring.score(prompt, split, chosen, counts=counts)
        )

    async def admit(
        self,
        prompt: Prompt,
        *,
        iteration: int = 0,
        parent: Prompt | None = None,
        reasoning: str = "",
        made_by: str = "",
    ) -> str:
        known = self.admission.at_once(prompt)
        if known is not None:
            return known
        return await self.redirects.unless_redirected(
            self.admission.ask(
                prompt,
                iteration=iteration,
                parent_id=parent.id if parent else None,
                reasoning=reasoning,
                made_by=made_by,
            )
        )

    def _paid(self, prompt: Prompt) -> bool:
        """Whether the target model was asked about some case with a prompt."""
        return any(self._gateway.answered("target", prompt.render(case)) for case in self.dataset.cases())

    def propose(self, prompt: Prompt, source: ev.Source, **details: Any) -> None:
        """Enter a prompt in the running."""
        if source != "optimizer":
            self.admission.waive(prompt.id)
        self._prompts[prompt.id] = prompt
        self._cells.keep_prompt(prompt)
        shown = [
            Demonstration(inputs=demo.inputs, output=demo.expected or "") for demo in prompt.demonstrations
        ]
        self._emit(
            ev.CandidateProposed(
                candidate_id=prompt.id, text=prompt.text, source=source, demonstrations=shown, **details
            )
        )

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
        self.propose(
            prompt,
            "optimizer",
            iteration=iteration,
            parent_id=parent.id if parent else None,
            reasoning=reasoning,
            confidence=confidence,
            made_by=made_by,
        )

    def feedback(self, feedback: Feedback, against: Prompt | None = None) -> None:
        self._emit(
            ev.FeedbackReady(
                candidate_id=feedback.prompt_id,
                against_id=against.id if against else None,
                split=feedback.split,
                categories={name: len(cases) for name, cases in feedback.categories.items()},
                clusters=[_in_short(cluster) for cluster in feedback.clusters[:MOST_CLUSTERS]],
                fixed=list(feedback.fixed),
                broken=list(feedback.broken),
                suggestions=list(feedback.suggestions),
            )
        )

    def breaks(self, prompt: Prompt) -> str:
        broken = self._must_pass.broken(prompt.id)
        return broken.said if broken else ""

    def judged(
        self,
        prompt: Prompt,
        against: Prompt,
        accepted: bool,
        reason: str,
        comparison: Comparison | None,
        *,
        outright: bool = False,
    ) -> bool:
        broken = self.admission.refused(prompt.id) or self.breaks(prompt)
        if accepted and broken:
            accepted, reason = False, broken
        self._emit(
            ev.CandidateJudged(
                candidate_id=prompt.id,
                against_id=against.id,
                accepted=accepted,
                reason=reason,
                comparison=comparison,
                outright=outright,
            )
        )
        if accepted:
            self._accept(prompt)
        return accepted

    def _accept(self, prompt: Prompt) -> None:
        self._must_pass.accept(prompt.id)
        self._withdraw_broken()

    def _note(
        self, prompt_id: str, split: Split, results: Sequence[CaseResult], anew: Collection[str] = (), /
    ) -> None:
        """Take in how a prompt did; for the cases ``anew``, what was noted before holds no more."""
        self._must_pass.forget(prompt_id, anew)
        self._must_pass.note(prompt_id, split, results)
        self._withdraw_broken()

    def _withdraw_broken(self) -> None:
        """Let no accepted candidate win of which it has turned out that it breaks a case that must pass."""
        for prompt_id in self._must_pass.accepted:
            broken = self._must_pass.broken(prompt_id)
            if broken:
                self._must_pass.withdraw(prompt_id)
                reason = f"it can't win: it {broken.said}"
                judged = ev.CandidateJudged(
                    candidate_id=prompt_id,
                    against_id=broken.against_id,
                    accepted=False,
                    reason=reason,
                    withdrawn=True,
                )
                self._emit(judged)

    def refused(self, iteration: int, attempt: int, reason: str) -> None:
        self._emit(ev.ProposalFailed(iteration=iteration, attempt=attempt, reason=reason))

    def iteration(self, number: int) -> None:
        new, self._reached = number > self._reached, max(number, self._reached)
        if new and not self._may_begin():
            return  # the search is being ended
        self._emit(ev.IterationStarted(iteration=number))
        if new:
            self._begun()

    def on_iteration(self, may_begin: Callable[[], bool], begun: Callable[[], None]) -> None:
        """Have asked whether an iteration that no worker has told of may begin, and told that it has."""
        self._may_begin, self._begun = may_begin, begun

    def adopt(self, prompt: Prompt) -> None:
        """Let the search go on from a person's edit, as soon as it looks."""
        self._accept(prompt)
        self.redirects.adopt(prompt)

    def restore(self, edits: Sequence[Prompt], iteration: int, *, replays: bool = False) -> None:
        """Take over what was before this worker came: the last iteration that was told of, and the edits
        that were adopted; those that no checkpoint holds wait.

        Args:
            replays: calls were answered before.
        """
        if replays:
            self.admission.paid = self._paid
        self._reached = iteration
        kept = self._checkpoints.last
        self.redirects.restore(edits, kept.edits)
        if kept.must_pass is not None:
            self._must_pass.restore(kept.must_pass)
        for edit in edits[kept.edits :]:
            self._must_pass.accept(edit.id)

    def prompt(self, candidate_id: str) -> Prompt:
        """A prompt that entered the running."""
        known = self._prompts.get(candidate_id) or self._cells.prompt(candidate_id)
        if known is None:
            raise RunError(f"this run has no candidate {candidate_id}")
        return known

    def adopted(self) -> Prompt | None:
        return self.redirects.adopted()

    def restored(self) -> dict[str, Any] | None:
        return self._checkpoints.last.state

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None:
        self._checkpoints.keep(
            iteration, state, edits=self.redirects.taken, must_pass=self._must_pass.state()
        )
        self._emit(ev.CheckpointSaved(iteration=iteration))

    def turn(self, dataset: Dataset) -> None:
        """Have the search given up: it rests on other cases from now on."""
        self.dataset = dataset.model_copy(update={"test": ()})
        self.redirects.turn()

    def begin(self, leg: int) -> dict[str, Any] | None:
        """Begin the search of that number; returns the state that it had kept, if it was begun before.

        What is known of prompts is forgotten: the journal has the answers.
        """
        self.scoring.forget()
        kept = self._checkpoints.begin(leg)
        self.redirects.begin(kept.edits)
        return kept.state


def _in_short(cluster: Cluster) -> ev.ClusterMark:
    """A cluster as an event tells it."""
    return ev.ClusterMark(
        category=cluster.category[:LONGEST_DETAIL],
        detail=cluster.detail[:LONGEST_DETAIL],
        count=len(cluster.case_ids),
        case_id=cluster.case_ids[0],
        contrast_id=cluster.contrast_id,
    )
