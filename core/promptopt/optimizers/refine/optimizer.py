"""``refine``: iterative meta-prompt refinement, as sample-efficient as it can be made.

In each round a strong model reads what failed and proposes several prompts side by side, each in another way;
demonstrations and mergers of earlier prompts are proposed beside them. All race on training cases against the
best prompt so far, those that show no gain leave early, and what gained is put together. What is likely to
pass is measured on the validation cases, until it is clear that it can't. It takes the best prompt's place
only if it gains at least one standard error of the paired difference there: the ladder of Blum and Hardt
(2015), which keeps luck, and what a search learns of its validation cases, from adding up.
"""

import math
from typing import ClassVar, cast

from promptopt.domain.forecast import Plan, Scale, Spread
from promptopt.domain.stopping import Redirected, StopRun
from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions, RunContext
from promptopt.optimizers.metaprompt import SYSTEM_EDITS
from promptopt.optimizers.refine.options import RefineOptions
from promptopt.optimizers.refine.screen import BLOCK
from promptopt.optimizers.refine.search import FIRST_LOOK, Search

_LIKELY_GROWTH = 500
"""Characters by which a proposed prompt is usually longer than the first one."""

_ROW_CHARS = 500
"""Most characters that the request for a proposal spends on one earlier attempt, or on a correction."""

_ASSIGNMENT_CHARS = 600

_CHARS_PER_TOKEN = 4

_VALIDATED = 0.7
"""Share of a validation that a round usually pays for: some rounds need none, some end it early."""


class RefineOptimizer(BaseOptimizer):
    """Iterative meta-prompt refinement."""

    name: ClassVar[str] = "refine"
    on_edit: ClassVar[str] = "Your prompt is the only parent of the next proposals."
    Options: ClassVar[type[OptimizerOptions]] = RefineOptions

    @property
    def max_iterations(self) -> int | None:
        return cast(RefineOptions, self.options).max_iterations

    def plan(self, scale: Scale) -> Plan:
        """At least no round (every case passes at once), at most all; the likely number is a guess.

        In a round every proposal is screened on a block of cases, what is put together of them is raced, and
        usually validated, if not always to the end; what becomes the best is looked at on more cases.
        """
        options = cast(RefineOptions, self.options)
        sample = max(scale.must_pass, min(scale.train, options.train_cases))
        race = min(sample, options.race_cases)
        likely = min(options.max_iterations, 2 * options.plateau)
        iterations = Spread.of(0, likely, options.max_iterations)
        first_look = min(sample, math.ceil(FIRST_LOOK / BLOCK) * BLOCK)
        fresh = 0 if scale.shared else scale.validation
        usual = options.proposals * min(race, BLOCK) + min(race, 2 * BLOCK) + fresh * _VALIDATED + BLOCK
        # However it goes, a prompt is raced and validated once, and measured on the rest if it is the best.
        raced = min(sample, race + scale.must_pass)
        each = scale.validation if scale.shared else raced + scale.validation
        most = (options.proposals + 1) * each + (0 if scale.shared else sample - raced)
        ends = Spread.of(
            0, min(options.shorten, 2) * scale.validation // 2, options.shorten * scale.validation
        )
        return Plan(
            iterations=iterations,
            first_target_calls=Spread.of(0, 0, 0)
            if scale.shared
            else Spread.of(first_look, first_look, sample),
            target_calls=iterations * Spread.of(0, min(usual, most), most) + ends,
            optimizer_calls=iterations * self._requests(),
            added_chars=self._growth(scale.prompt_chars),
            optimizer_chars=self._question(scale),
            optimizer_at_once=max(1, options.proposals - 1),
        )

    def _requests(self) -> Spread:
        """Calls of the optimizer model in a round: demonstrations and most mergers need none."""
        options = cast(RefineOptions, self.options)
        number = options.proposals
        return Spread.of(int(number > 1), max(1, number - 1), number * options.tries)

    def _growth(self, chars: int) -> Spread:
        """Characters by which proposals are longer than the first prompt; each edit may build on others."""
        options = cast(RefineOptions, self.options)
        most = max(int(chars * options.max_growth), chars + options.room) - chars
        return Spread.of(0, min(most, _LIKELY_GROWTH), most)

    def _question(self, scale: Scale) -> Spread:
        """Characters of a request for a proposal: instructions, task, earlier attempts, prompts, feedback."""
        options = cast(RefineOptions, self.options)
        growth = self._growth(scale.prompt_chars)
        frame = len(SYSTEM_EDITS) + scale.task_chars
        prompts = options.recent + 1
        likely = frame + options.feedback_chars // 2 + prompts * (scale.prompt_chars + (growth.likely or 0))
        most = frame + options.feedback_chars + (prompts + 1) * (scale.prompt_chars + (growth.high or 0))
        attempts = options.max_iterations * (options.proposals + 1) + options.recent
        corrections = (options.tries - 1) * (_ROW_CHARS + scale.reply_tokens * _CHARS_PER_TOKEN)
        return Spread.of(frame, likely, most + _ROW_CHARS * attempts + corrections + _ASSIGNMENT_CHARS)

    async def search(self, context: RunContext) -> StopRun:
        """Refine until all cases pass, the rounds are used up, or nothing was accepted for long."""
        search = Search(context, cast(RefineOptions, self.options))
        while True:
            try:
                await search.settle_in()
                end = search.ended()
                if end is None:
                    await search.iterate()
                    continue
                if await search.last_chance(end):
                    continue
                await search.shorten(end)
                return end
            except Redirected:
                continue
