"""The optimizer ``grpo``."""

from typing import ClassVar, cast

from promptopt.domain.errors import SettingsError
from promptopt.domain.forecast import Plan, Scale, Spread
from promptopt.domain.settings import ProjectSettings
from promptopt.domain.stopping import Redirected, StopRun
from promptopt.evaluation.checks.options import is_about_form
from promptopt.optimizers.base import BaseOptimizer, OptimizerOptions, RunContext
from promptopt.optimizers.grpo import judging, trimming, wording
from promptopt.optimizers.grpo.options import GrpoOptions
from promptopt.optimizers.grpo.proposing import replies
from promptopt.optimizers.grpo.search import Search

_LIKELY_GROWTH = 500
"""Characters by which a variant is usually longer than the first prompt."""

_RACED = 0.65
"""Share of a batch that a variant usually meets before the race is over for it."""

_GATED = 0.5
"""Share of the groups of which one is scored on the validation cases."""

_ROW_CHARS = 300
_CHARS_PER_TOKEN = 4


class GrpoOptimizer(BaseOptimizer):
    """Group-relative optimization: groups of variants race on common cases, and what wins is made a lesson.

    Each step a strong model writes a group of variants in one request, each by a strategy of its own. They
    race on the same training cases; what they reward above their group, shrunken by how sure that is, says
    which strategies and lessons work, and the contrast of best and worst becomes new lessons. The best takes
    the prompt's place if it gains at least a standard error on the validation cases.
    """

    name: ClassVar[str] = "grpo"
    on_edit: ClassVar[str] = "The next group descends from your prompt; lessons stay, other parents do not."
    Options: ClassVar[type[OptimizerOptions]] = GrpoOptions

    play: judging.Judging = staticmethod(judging.play)
    """Plays the tournaments of ``reward = "judges"``."""

    _for_want_of_checks = False
    """Judges decide because no check says whether an output is right."""

    @property
    def _options(self) -> GrpoOptions:
        return cast(GrpoOptions, self.options)

    def fit_to(self, settings: ProjectSettings) -> None:
        """What the settings ask for must be there.

        Raises:
            SettingsError: for a protected text that the prompt does not have, and for judges without a
                judge model.
        """
        lacking = [text for text in self._options.protected if text not in settings.prompt]
        if lacking:
            raise SettingsError(
                f"the prompt does not have the protected text {lacking[0]!r}",
                where="optimizer.protected",
                fix="write it as it stands in the prompt, to the letter",
            )
        if self._options.reward == "judges":
            judging.require(settings)
        elif self._options.reward == "auto":
            self._for_want_of_checks = not has_metric(settings) and judging.lacks(settings) is None

    @property
    def needs_judges(self) -> bool:
        """Whether it asks judge models: then they are opened, or the run is refused."""
        return self._options.reward == "judges" or self._for_want_of_checks

    @property
    def max_iterations(self) -> int | None:
        return self._options.max_iterations

    def plan(self, scale: Scale) -> Plan:
        """At least no group (every case passes at once), at most all; the likely number is a guess.

        A variant is raced on the batch, and one of a group is scored on validation. With judges, their calls
        are not in it.
        """
        options = self._options
        sample, widest = min(scale.train, options.batch), min(scale.train, options.widest)
        likely = min(options.max_iterations, 2 * options.plateau)
        groups = Spread(low=0, likely=likely, high=options.max_iterations)
        variants = options.group - 1
        raced = Spread.of(0, _RACED * variants * sample, (variants + 2) * widest)
        gated = scale.validation + 2 * scale.must_pass
        parts = Spread.of(1, self._replies(scale, _LIKELY_GROWTH), self._replies(scale, self._room(scale)))
        return Plan(
            iterations=groups,
            first_target_calls=Spread.of(0, 0 if scale.shared else sample, 0 if scale.shared else widest),
            target_calls=groups * (raced + Spread.of(0, _GATED * gated, gated)) + self._tidying(scale),
            optimizer_calls=groups * (parts * Spread.of(1, 1, options.tries) + Spread.of(0, 1, 1)),
            added_chars=Spread.of(0, min(self._room(scale), _LIKELY_GROWTH), self._room(scale)),
            optimizer_chars=self._question(scale),
            reply_prompts=variants,
        )

    def _tidying(self, scale: Scale) -> Spread:
        """Calls of the target that trimming the last prompt takes."""
        most = (trimming.MOST + 2) * min(scale.train, self._options.batch) + scale.validation
        return Spread.of(0, 0, most if self._options.trim else 0)

    def _room(self, scale: Scale) -> int:
        """Characters by which a variant may be longer than the first prompt."""
        chars, options = scale.prompt_chars, self._options
        return max(int(chars * options.max_growth), chars + options.room) - chars

    def _replies(self, scale: Scale, added: int) -> int:
        """Replies that a group takes, if its prompts are longer than the first by so many characters."""
        return replies(self._options.group - 1, scale.prompt_chars + added, scale.reply_tokens)

    def _question(self, scale: Scale) -> Spread:
        """Characters of a request: instructions, task, what was tried, lessons, prompts, feedback."""
        options = self._options
        frame = len(wording.SYSTEM) + scale.task_chars
        tables = options.lesson_chars + _ROW_CHARS * (3 * options.recent + options.group)
        likely = frame + options.feedback_chars // 2 + tables // 2 + scale.prompt_chars + _LIKELY_GROWTH
        longest = scale.prompt_chars + self._room(scale)
        rows = options.lesson_chars + _ROW_CHARS * options.group * options.max_iterations
        corrections = (options.tries - 1) * (
            options.group * _ROW_CHARS + scale.reply_tokens * _CHARS_PER_TOKEN
        )
        most = frame + options.feedback_chars + rows + 2 * longest + corrections
        return Spread.of(0, likely, most)

    async def search(self, context: RunContext) -> StopRun:
        """Search until all cases pass, the groups are used up, or nothing was accepted for long."""
        search = Search(context, self._options, judges=self.needs_judges, play=self.play)
        while True:
            try:
                await search.settle_in()
                end = search.ended()
                if end is None:
                    await search.iterate()
                elif not await search.tidy():
                    return end
            except Redirected:
                continue


def has_metric(settings: ProjectSettings) -> bool:
    """Whether some check of a project looks at whether an output is right, and not at its form."""
    if not settings.checks:
        return not settings.task.constraints  # then every output is compared with what is expected
    return any(not is_about_form(check) for check in settings.checks)
