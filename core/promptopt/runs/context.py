"""The door: what an optimizer sees of its run (see ``optimizers.base.RunContext``)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from promptopt.domain import events as ev
from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Dataset, Example, Split
from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.errors import RunError
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Cluster, Comparison, Evaluation, Feedback
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import Redirected, Turned
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.checks.base import Ask
from promptopt.evaluation.clusters import MOST_CLUSTERS
from promptopt.evaluation.embedding import Embedder
from promptopt.evaluation.runner import FLUSH_SECONDS, EmbedFor, Runner, gathered, unadmitted
from promptopt.models.endpoint import seat_of
from promptopt.models.gateway import Gateway
from promptopt.optimizers.base import Shown
from promptopt.runs.admission import Admission
from promptopt.runs.mustpass import MustPass
from promptopt.runs.voice import Voice
from promptopt.store.cells import Cells

T = TypeVar("T")

LONGEST_DETAIL = 200
"""Characters that an event tells of the fault that failures share."""

EVALUATIONS_KEPT = 6
"""Whole evaluations at hand (the current prompt's, on two splits, are asked for again and again)."""

RESULTS_KEPT = 20_000
"""Results at hand, of the prompts scored last: who asks for some more cases pays and waits for those only."""


class Context:
    """One run's door. It is given the sealed test split only in :meth:`score`, which the engine calls.

    Attributes:
        admission: of the optimizer's proposals.
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
        self._runner = runner
        self._cells = cells
        self._emit = engine.emit
        self._meters = meters
        self.admission = Admission(engine.state, engine.emit)
        self._fresh: dict[tuple[str, Split], list[CaseResult]] = {}
        self._known: dict[tuple[str, Split, tuple[str, ...]], Evaluation] = {}
        self._results: dict[tuple[str, Split], dict[str, CaseResult]] = {}
        self._prompts: dict[str, Prompt] = {}
        self._must_pass = MustPass(self.dataset.cases(), self.seed_prompt.id)
        self._checkpoint: dict[str, Any] | None = None
        self._edits: list[Prompt] = []
        self._edits_taken = 0
        self._redirect = asyncio.Event()
        self._turning = False
        self._leg = 1
        """Number of the search."""
        self._refused: set[str] = set()
        """Prompts whose refusal was told, since nobody had asked before they were to be scored."""
        self._reached = 0
        """The highest number of an iteration that was told of, by this worker or an earlier one."""
        self._may_begin: Callable[[], bool] = lambda: True
        self._begun: Callable[[], None] = lambda: None
        self._embedder = Embedder()

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
            return await self._unless_redirected(call)

    async def judge(self, case: Example, response: LLMResponse) -> CaseResult:
        return await self._unless_redirected(
            self._runner.judge(case, response, *self._asking(self._gateway.call, self._gateway.embed))
        )

    def noted(self, prompt: Prompt, split: Split, result: CaseResult) -> None:
        self._note(prompt.id, split, [result])
        if not self._fresh:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        self._fresh.setdefault((prompt.id, split), []).append(result)

    def measuring(self, prompt: Prompt, split: Split, total: int) -> None:
        self._emit(ev.EvaluationStarted(candidate_id=prompt.id, split=split, total=total))

    def measured(self, evaluation: Evaluation) -> None:
        self.flush()
        self._tell_score(evaluation, None)

    def flush(self) -> None:
        """Keep and show what was noted so far."""
        fresh, self._fresh = self._fresh, {}
        for (prompt_id, split), results in fresh.items():
            self._sink(prompt_id, split, results)

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
        return await self._unless_redirected(self.score(prompt, split, chosen, counts=counts))

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
        return await self._unless_redirected(
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

    async def score(
        self,
        prompt: Prompt,
        split: Split,
        cases: Sequence[Example],
        *,
        urgent: bool = False,
        finishing: bool = False,
        counts: bool = True,
    ) -> Evaluation:
        """Score a prompt on any cases, told to everyone who watches.

        Args:
            counts: it becomes the candidate's score on the split.
            urgent: also while the run is paused.
            finishing: the sealed test, with the budget that was held back for it.
        """
        place = (prompt.id, split, tuple(case.id for case in cases))
        if place in self._known:
            return self._known[place]
        self._emit(ev.EvaluationStarted(candidate_id=prompt.id, split=split, total=len(cases)))
        known = self._results.get((prompt.id, split), {})
        self._say_results(prompt.id, split, [known[case.id] for case in cases if case.id in known])
        concurrency = self._gateway.concurrency("target")
        call = partial(self._gateway.call, urgent=urgent, finishing=finishing)
        ask, embed = self._asking(call, partial(self._gateway.embed, urgent=urgent, finishing=finishing))

        def send(messages: Sequence[Message], /, *, case_id: str, draw: int) -> Awaitable[LLMResponse]:
            return call("target", messages, case_id=case_id, sample=draw)

        about = {"promptopt.candidate_id": prompt.id, "promptopt.split": split, "promptopt.cases": len(cases)}
        with self._gateway.telemetry.span("evaluate", about) as note:
            evaluation = await self._runner.evaluate(
                prompt,
                split,
                [case for case in cases if case.id not in known],
                send,
                partial(self._sink, prompt.id, split),
                ask,
                embed,
            )
            evaluation = self._with_known(evaluation, known, cases)
            note({"promptopt.score": evaluation.score.mean, "promptopt.passed": evaluation.passed})
        self._note(evaluation.prompt_id, split, evaluation.results)
        self._tell_score(evaluation, concurrency(), counts)
        self._known[place] = evaluation
        while len(self._known) > EVALUATIONS_KEPT:
            del self._known[next(iter(self._known))]
        return evaluation

    def _asking(
        self, call: Callable[..., Awaitable[LLMResponse]], embed: Callable[..., Awaitable[LLMResponse]]
    ) -> tuple[Ask, EmbedFor]:
        """The models that checks may ask, by the gateway's ways to call."""
        return (
            lambda messages, path, draw: call("judge", messages, path=path, sample=draw),
            lambda text, case_id: self._embedder.embed(text, partial(embed, case_id=case_id)),
        )

    def _tell_score(self, evaluation: Evaluation, at_once: float | None, counts: bool = True) -> None:
        self._emit(
            ev.CandidateScored(
                candidate_id=evaluation.prompt_id,
                split=evaluation.split,
                score=evaluation.score,
                passed=evaluation.passed,
                errors=evaluation.errors,
                at_once=at_once,
                counts=counts,
            )
        )

    def _with_known(
        self, evaluation: Evaluation, known: Mapping[str, CaseResult], cases: Sequence[Example]
    ) -> Evaluation:
        """The evaluation with the results that were at hand before; all of them are at hand from now on."""
        place = evaluation.prompt_id, evaluation.split
        results = {**self._results.pop(place, {}), **known, **evaluation.by_case()}
        self._results[place] = results  # the newest last
        while len(self._results) > 1 and sum(map(len, self._results.values())) > RESULTS_KEPT:
            del self._results[next(iter(self._results))]
        if len(evaluation.results) == len(cases):
            return evaluation
        return gathered(*place, [results[case.id] for case in cases])

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

    def _note(self, prompt_id: str, split: Split, results: Sequence[CaseResult]) -> None:
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
        self._edits.append(prompt)
        self._accept(prompt)
        self._redirect.set()

    def restore(self, edits: Sequence[Prompt], iteration: int, *, replays: bool = False) -> None:
        """Take over what was before this worker came: the last iteration that was told of, and the edits
        that were adopted; those that no checkpoint holds wait.

        Args:
            replays: calls were answered before.
        """
        if replays:
            self.admission.paid = self._paid
        self._reached = iteration
        self._edits = list(edits)
        self._edits_taken = self._kept()["edits"]
        if "must_pass" in self._kept():
            self._must_pass.restore(self._kept()["must_pass"])
        for edit in edits[self._edits_taken :]:
            self._must_pass.accept(edit.id)
        if self.edit_waits:
            self._redirect.set()

    @property
    def edit_waits(self) -> bool:
        """An adopted edit has not been taken up yet."""
        return self._edits_taken < len(self._edits)

    def prompt(self, candidate_id: str) -> Prompt:
        """A prompt that entered the running."""
        known = self._prompts.get(candidate_id) or self._cells.prompt(candidate_id)
        if known is None:
            raise RunError(f"this run has no candidate {candidate_id}")
        return known

    def adopted(self) -> Prompt | None:
        self._redirect.clear()
        if not self.edit_waits:
            return None
        self._edits_taken = len(self._edits)
        return self._edits[-1]

    def restored(self) -> dict[str, Any] | None:
        return self._kept()["state"]

    def checkpoint(self, iteration: int, state: dict[str, Any]) -> None:
        self._checkpoint = {
            "leg": self._leg,
            "edits": self._edits_taken,
            "state": state,
            "must_pass": self._must_pass.state(),
        }
        self._cells.save_checkpoint(iteration, json.dumps(self._checkpoint, ensure_ascii=False))
        self._emit(ev.CheckpointSaved(iteration=iteration))

    def _kept(self) -> dict[str, Any]:
        """The last checkpoint: this worker's own, which may not be in the store yet, or the store's."""
        if self._checkpoint is not None:
            return self._checkpoint
        body = self._cells.checkpoint()
        kept: dict[str, Any] = json.loads(body) if body else {"edits": 0, "state": None}
        self._checkpoint = kept
        return kept

    def _sink(self, prompt_id: str, split: Split, results: Sequence[CaseResult]) -> None:
        self._cells.keep(prompt_id, split, results)
        self._say_results(prompt_id, split, results)

    def _say_results(self, prompt_id: str, split: Split, results: Sequence[CaseResult]) -> None:
        marks = [
            ev.CaseMark(case_id=r.case_id, score=r.score, passed=r.passed, category=r.category)
            for r in results
        ]
        if marks:
            self._emit(ev.CasesFinished(candidate_id=prompt_id, split=split, cases=marks))

    # A search that begins anew

    @property
    def turns(self) -> bool:
        """The search is to be given up, for a new one."""
        return self._turning

    def turn(self, dataset: Dataset) -> None:
        """Have the search given up: it rests on other cases from now on."""
        self.dataset = dataset.model_copy(update={"test": ()})
        self._edits, self._edits_taken = [], 0  # they are part of where it begins
        self._turning = True
        self._redirect.set()

    def begin(self, leg: int) -> dict[str, Any] | None:
        """Begin the search of that number; returns the state that it had kept, if it was begun before.

        What is known of prompts is forgotten: the journal has the answers.
        """
        self.flush()
        kept = self._kept()
        self._leg, self._turning = leg, False
        begun = kept.get("leg", 1) == leg
        self._edits_taken = kept["edits"] if begun else 0
        if self.edit_waits:
            self._redirect.set()
        else:
            self._redirect.clear()
        self._known.clear()
        self._results.clear()
        return kept["state"] if begun else None

    async def settled(self) -> None:
        """Wait until all that was noted is in the store."""
        self.flush()
        await asyncio.wrap_future(self._cells.settled())

    async def judge_anew(self, prompt: Prompt, split: Split, mended: Collection[str]) -> None:
        """Judge a prompt's answers to mended cases of a split anew, and tell its score on the split.

        Nothing is asked of the target model: only what it was asked before is judged.
        """
        results = await asyncio.to_thread(self._cells.results, prompt.id, split)
        cases = [case for case in self.dataset[split] if case.id in results]
        if not cases:
            return
        again = [case for case in cases if case.id in mended]
        call = partial(self._gateway.call, urgent=True)
        ask, embed = self._asking(call, partial(self._gateway.embed, urgent=True))

        def send(messages: Sequence[Message], /, *, case_id: str, draw: int) -> Awaitable[LLMResponse]:
            return call("target", messages, case_id=case_id, sample=draw)

        sink = partial(self._cells.keep, prompt.id, split)
        fresh = await self._runner.evaluate(prompt, split, again, send, sink, ask, embed)
        results |= fresh.by_case()
        self._must_pass.forget(prompt.id, mended)
        evaluation = gathered(prompt.id, split, [results[case.id] for case in cases])
        self._note(prompt.id, split, evaluation.results)
        self._tell_score(evaluation, None)

    async def _unless_redirected(self, work: Coroutine[Any, Any, T]) -> T:
        """Give ``work`` up as soon as an edit is adopted. Requests that were sent are answered and kept."""
        task = asyncio.ensure_future(work)
        turned = asyncio.ensure_future(self._redirect.wait())
        try:
            await asyncio.wait({task, turned}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            raise Turned if self._turning else Redirected
        finally:
            turned.cancel()
            task.cancel()
            await asyncio.gather(task, turned, return_exceptions=True)


def _in_short(cluster: Cluster) -> ev.ClusterMark:
    """A cluster as an event tells it."""
    return ev.ClusterMark(
        category=cluster.category[:LONGEST_DETAIL],
        detail=cluster.detail[:LONGEST_DETAIL],
        count=len(cluster.case_ids),
        case_id=cluster.case_ids[0],
        contrast_id=cluster.contrast_id,
    )
