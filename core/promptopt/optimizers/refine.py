"""Iterative meta-prompt refinement: a strong model reads what failed, rewrites the prompt, and is measured.

Each iteration asks for one proposal, scores it on training cases first (cheap, and the only cases that the
proposer sees) and, unless it is clearly worse there, on the validation cases. It takes its parent's place
only if it gains at least one standard error of the paired difference there: the ladder of Blum and Hardt
(2015), which keeps luck, and what a search learns of its validation cases, from adding up.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, ClassVar, cast

from pydantic import Field

from promptopt.domain.dataset import Example
from promptopt.domain.forecast import Plan, Scale, Spread
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import Comparison, Evaluation, Feedback
from promptopt.domain.stopping import Redirected, StopRun
from promptopt.evaluation.clusters import Evidence
from promptopt.evaluation.feedback import analyze, render_feedback
from promptopt.evaluation.gates import clearly_worse, gate
from promptopt.evaluation.statistics import compare
from promptopt.models.sending import CallFailed
from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions, RunContext
from promptopt.optimizers.metaprompt import SYSTEM, Attempt, conversation, correction
from promptopt.optimizers.proposals import Malformed, Proposal, Rules, parse_proposal

_LIKELY_GROWTH = 500
"""Characters by which a proposed prompt is usually longer than the first one."""

_ROW_CHARS = 500
"""Most characters that the request for a proposal spends on one earlier attempt, or on a correction."""

_CHARS_PER_TOKEN = 4


class RefineOptions(OptimizerOptions):
    """Settings of ``refine``.

    Attributes:
        max_iterations: most proposals.
        plateau: stop after so many iterations in a row without an accepted proposal.
        train_cases: most training cases that a proposal is scored on: a fixed sample of them, in which those
            that must pass always are, however many.
        tries: replies asked for per iteration before it is skipped, if they can't be used.
        recent: earlier attempts shown to the proposer in full; all are shown in a table.
        feedback_chars: length of the feedback text.
        max_growth: a prompt may grow to this multiple of the first one …
        room: … or by so many characters, whichever is more.
    """

    max_iterations: int = Field(default=20, ge=1)
    plateau: int = Field(default=5, ge=1)
    train_cases: int = Field(default=60, ge=1)
    tries: int = Field(default=3, ge=1)
    recent: int = Field(default=3, ge=0)
    feedback_chars: int = Field(default=6000, ge=500)
    max_growth: float = Field(default=3.0, ge=1.0)
    room: int = Field(default=4000, ge=0)


class RefineOptimizer(BaseOptimizer):
    """Iterative meta-prompt refinement."""

    name: ClassVar[str] = "refine"
    Options: ClassVar[type[OptimizerOptions]] = RefineOptions

    @property
    def max_iterations(self) -> int | None:
        return cast(RefineOptions, self.options).max_iterations

    def plan(self, scale: Scale) -> Plan:
        """At least no iteration (every case passes at once), at most all; the likely number is a guess.

        A proposal is scored on the training sample, and on validation unless it is clearly worse there.
        """
        options = cast(RefineOptions, self.options)
        sample = max(scale.must_pass, min(scale.train, options.train_cases))
        likely = min(options.max_iterations, 2 * options.plateau)
        iterations = Spread(low=0, likely=likely, high=options.max_iterations)
        whole = scale.validation if scale.shared else sample + scale.validation
        return Plan(
            iterations=iterations,
            first_target_calls=Spread.exactly(0 if scale.shared else sample),
            target_calls=iterations * Spread.of(sample, whole, whole),
            optimizer_calls=iterations * Spread.of(1, 1, options.tries),
            added_chars=self._growth(scale.prompt_chars),
            optimizer_chars=self._question(scale),
        )

    def _growth(self, chars: int) -> Spread:
        """Characters by which proposals are longer than the first prompt; each edit may build on others."""
        options = cast(RefineOptions, self.options)
        most = max(int(chars * options.max_growth), chars + options.room) - chars
        return Spread.of(0, min(most, _LIKELY_GROWTH), most)

    def _question(self, scale: Scale) -> Spread:
        """Characters of a request for a proposal: instructions, task, earlier attempts, prompt, feedback."""
        options = cast(RefineOptions, self.options)
        growth = self._growth(scale.prompt_chars)
        frame = len(SYSTEM) + scale.task_chars
        prompts = options.recent + 1
        likely = frame + options.feedback_chars // 2 + prompts * (scale.prompt_chars + (growth.likely or 0))
        most = frame + options.feedback_chars + prompts * (scale.prompt_chars + (growth.high or 0))
        table = _ROW_CHARS * (options.max_iterations + options.recent)
        corrections = (options.tries - 1) * (_ROW_CHARS + scale.reply_tokens * _CHARS_PER_TOKEN)
        return Spread.of(frame, likely, most + table + corrections)

    async def search(self, context: RunContext) -> StopRun:
        """Refine until all cases pass, the iterations are used up, or nothing was accepted for long."""
        search = _Search(context, cast(RefineOptions, self.options))
        while True:
            try:
                await search.settle_in()
                end = search.ended()
                if end is not None:
                    return end
                await search.iterate()
            except Redirected:
                continue


class _Search:
    """One search: where it stands, and one iteration."""

    def __init__(self, context: RunContext, options: RefineOptions) -> None:
        self._context = context
        self._options = options
        self._current = context.seed_prompt
        self._iteration = 0
        self._barren = 0
        self._attempts: list[Attempt] = []
        self._tried: list[Prompt] = [context.seed_prompt]
        self._train = _sample(context.dataset.train, options.train_cases, options.seed)
        self._cases = {case.id: case for case in self._train}
        self._solved: dict[str, set[str]] = {}
        self._vain: Counter[str] = Counter()
        self._on_train: Evaluation | None = None
        self._on_validation: Evaluation | None = None
        self._restore(context.restored())

    async def settle_in(self) -> None:
        """Take up a person's edit, if there is one, and know the current prompt's scores."""
        edit = self._context.adopted()
        if edit is not None:
            self._current, self._barren = edit, 0
            self._on_train = self._on_validation = None
            self._tried.append(edit)
            self._keep()
        if self._on_validation is None:
            self._on_train = await self._context.evaluate(self._current, "train", self._train)
            self._on_validation = await self._context.evaluate(self._current, "validation")

    def ended(self) -> StopRun | None:
        """Why the search is over, if it is."""
        assert self._on_train and self._on_validation
        if self._on_train.all_passed and self._on_validation.all_passed:
            return StopRun("all_pass", self._all_pass())
        if self._iteration >= self._options.max_iterations:
            return StopRun("max_iterations", f"{self._iteration} iterations, as many as were allowed")
        if self._barren >= self._options.plateau:
            return StopRun("plateau", f"{self._barren} iterations in a row brought no gain")
        return None

    def _all_pass(self) -> str:
        """What passes when all that was scored does: of the training cases, that may be a sample."""
        scored, there = len(self._train), len(self._context.dataset.train)
        if scored == there:
            return "every training and validation case passes"
        return f"every sampled training case ({scored} of {there}) and every validation case passes"

    async def iterate(self) -> None:
        """One proposal, measured and judged."""
        assert self._on_train and self._on_validation
        number = self._iteration + 1
        self._context.iteration(number)
        self._note_solved(self._on_train)
        feedback = analyze(self._on_train, self._cases, evidence=self._evidence())
        self._context.feedback(feedback)
        proposal = await self._propose(number, feedback)
        if isinstance(proposal, str):
            self._close(number, Attempt(number, "", "", False, None, 0, 0, proposal))
            return
        prompt = Prompt(text=proposal.prompt, demonstrations=self._current.demonstrations)
        self._context.candidate(
            prompt,
            iteration=number,
            parent=self._current,
            reasoning=proposal.reasoning,
            confidence=proposal.confidence,
        )
        on_train = await self._context.evaluate(prompt, "train", self._train)
        train_gain = compare(self._on_train, on_train)
        self._note_solved(on_train)
        self._note_vain(feedback, train_gain)
        self._context.feedback(analyze(on_train, self._cases, self._on_train), self._current)
        on_validation: Evaluation | None = None
        if broken := self._context.breaks(prompt):
            accepted, reason, gain = False, broken, train_gain
        elif clearly_worse(self._on_train, on_train):
            accepted, reason, gain = False, "clearly worse on the training cases", train_gain
        else:
            on_validation = await self._context.evaluate(prompt, "validation")
            gain = compare(self._on_validation, on_validation)
            broken = self._context.breaks(prompt)
            accepted, reason = (False, broken) if broken else gate(self._on_validation, on_validation)
        accepted = self._context.judged(prompt, self._current, accepted, reason, gain)
        self._tried.append(prompt)
        attempt = _attempt(number, proposal, accepted, train_gain, bool(broken))
        if accepted and on_validation:
            self._current, self._on_train, self._on_validation = prompt, on_train, on_validation
        self._close(number, attempt)

    async def _propose(self, number: int, feedback: Feedback) -> Proposal | str:
        """Ask for a proposal until one can be used; after all tries, why the last one could not."""
        assert self._on_train
        dataset = self._context.dataset
        columns = list(dataset.train[0].inputs)
        placeholders = self._context.seed_prompt.placeholders(columns)
        rules = Rules(
            columns=columns,
            placeholders=placeholders,
            max_chars=self._longest(),
            guarded=dataset.validation if dataset.held_back else (),
        )
        text = render_feedback(feedback, self._cases, self._on_train, max_chars=self._options.feedback_chars)
        messages = conversation(
            self._context.task,
            placeholders,
            self._current,
            self._on_train.score,
            text,
            self._attempts,
            self._options.recent,
        )
        refusal = ""
        for attempt in range(1, self._options.tries + 1):
            try:
                response = await self._context.complete(
                    "optimizer", messages, path=f"propose/{number}/{attempt}"
                )
            except CallFailed as failure:
                refusal = f"no reply: {failure}"
                self._context.refused(number, attempt, refusal)
                continue
            proposal = _usable(response.text, rules, self._tried)
            if isinstance(proposal, Proposal):
                return proposal
            refusal = proposal
            self._context.refused(number, attempt, refusal)
            messages = [
                *messages,
                Message(role="assistant", content=response.text or "(empty)"),
                Message(role="user", content=correction(refusal)),
            ]
        return refusal

    def _evidence(self) -> Evidence:
        """What the other prompts, and the proposals so far, showed of the training cases."""
        others = [solved for prompt_id, solved in self._solved.items() if prompt_id != self._current.id]
        solved = {case_id for other in others for case_id in other} if others else None
        return Evidence(solved=solved, vain=dict(self._vain))

    def _note_solved(self, on_train: Evaluation) -> None:
        self._solved[on_train.prompt_id] = {r.case_id for r in on_train.results if r.passed}

    def _note_vain(self, feedback: Feedback, gain: Comparison) -> None:
        """Count the kinds of failure that the proposer was shown and mended not one case of."""
        shown, fixed = {diff.case_id for diff in feedback.diffs}, set(gain.fixed)
        for cluster in feedback.clusters:
            if shown & set(cluster.case_ids) and not fixed & set(cluster.case_ids):
                self._vain[cluster.key] += 1

    def _longest(self) -> int:
        first = max(len(self._context.seed_prompt.text), len(self._current.text))
        return max(int(first * self._options.max_growth), first + self._options.room)

    def _close(self, number: int, attempt: Attempt) -> None:
        self._iteration = number
        self._barren = 0 if attempt.accepted else self._barren + 1
        self._attempts.append(attempt)
        self._keep()

    def _keep(self) -> None:
        self._context.checkpoint(
            self._iteration,
            {
                "current": self._current.model_dump(mode="json"),
                "barren": self._barren,
                "attempts": [asdict(attempt) for attempt in self._attempts],
                "tried": [prompt.model_dump(mode="json") for prompt in self._tried],
                "iteration": self._iteration,
                "solved": {prompt_id: sorted(solved) for prompt_id, solved in self._solved.items()},
                "vain": dict(self._vain),
            },
        )

    def _restore(self, state: dict[str, Any] | None) -> None:
        if state is None:
            return
        self._current = Prompt.model_validate(state["current"])
        self._barren = state["barren"]
        self._attempts = [Attempt(**attempt) for attempt in state["attempts"]]
        self._tried = [Prompt.model_validate(prompt) for prompt in state["tried"]]
        self._iteration = state["iteration"]
        self._solved = {prompt_id: set(solved) for prompt_id, solved in state.get("solved", {}).items()}
        self._vain = Counter(state.get("vain", {}))


def _usable(reply: str, rules: Rules, tried: Sequence[Prompt]) -> Proposal | str:
    """The proposal in a reply, or why it can't be used."""
    try:
        proposal = parse_proposal(reply)
    except Malformed as fault:
        return str(fault)
    return rules.objection(proposal, tried) or proposal


def _sample(cases: Sequence[Example], most: int, seed: int) -> tuple[Example, ...]:
    """A fixed sample, in the order of the cases: every candidate is scored on the same ones.

    Cases that must pass are always in it, for one that is not scored would be broken unseen.
    """
    if len(cases) <= most:
        return tuple(cases)
    chosen = {position for position, case in enumerate(cases) if case.must_pass}
    others = [position for position in range(len(cases)) if position not in chosen]
    chosen |= set(random.Random(seed).sample(others, max(0, most - len(chosen))))
    return tuple(case for position, case in enumerate(cases) if position in chosen)


def _attempt(
    number: int, proposal: Proposal, accepted: bool, train_gain: Comparison, broke: bool = False
) -> Attempt:
    if accepted:
        note = "it gained on cases you do not see"
    else:
        note = "it broke a case that must pass" if broke else "no gain beyond noise"
    return Attempt(
        iteration=number,
        prompt=proposal.prompt,
        reasoning=proposal.reasoning,
        accepted=accepted,
        train_change=train_gain.difference.mean,
        fixed=len(train_gain.fixed),
        broken=len(train_gain.broken),
        note=note,
    )
