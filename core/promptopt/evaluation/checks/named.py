"""A check under its name: with its weight, its threshold, and the cases that it is for."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from promptopt.domain.dataset import Example
from promptopt.domain.forecast import Asking
from promptopt.domain.results import CheckResult
from promptopt.domain.settings import CheckSettings
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import Check, Opinion, Tools

_SLACK = 1e-9
"""So that a mean of 0.6 and 0.6 reaches a threshold of 0.6."""

Build = Callable[[CheckSettings, str], Check]
"""Makes the check of one table; the text is its place in the project file."""


@dataclass(frozen=True)
class Named:
    """A check with its settings. ``where`` is its place in the project or data file."""

    name: str
    settings: CheckSettings
    check: Check
    where: str

    @property
    def of_form(self) -> bool:
        """Whether it is about the form of an output, as its settings say or else its type."""
        return self.check.of_form if self.settings.form is None else self.settings.form

    def applies(self, case: Example) -> bool:
        """Whether it judges ``case``: the case has one of its tags, and the expected output that it needs."""
        tags = self.settings.tags
        return (not tags or not set(tags).isdisjoint(case.tags)) and self.check.applies(case)

    def asking(self, case: Example) -> Sequence[Asking]:
        """What judging one answer to ``case`` asks of models; nothing, if it does not judge the case."""
        return self.check.asking(case) if self.applies(case) else ()

    async def ask(self, case: Example, output: str, tools: Tools) -> CheckResult:
        """Its result for ``output``. Whatever the check raises is a failed check with that as its reason."""
        try:
            opinion = await self.check.judge(case, output, tools)
        except Exception as error:
            opinion = Opinion(0.0, f"{type(error).__name__}: {error}", passed=False)
        score = min(1.0, max(0.0, opinion.score))
        return CheckResult(
            name=self.name,
            score=score,
            passed=self._passes(score, opinion.passed),
            reason=reasons.shorten(opinion.reason),
            weight=self.settings.weight,
            hard=self.settings.hard,
            form=self.of_form,
        )

    def _passes(self, score: float, said: bool | None) -> bool:
        """By the threshold given, else as the check said, else by its type's own threshold."""
        if said is not None and self.settings.threshold is None:
            return said
        threshold = self.check.passes_from if self.settings.threshold is None else self.settings.threshold
        return score >= threshold - _SLACK


def name_checks(
    tables: Sequence[tuple[CheckSettings, str]], build: Build, taken: Iterable[str] = ()
) -> tuple[Named, ...]:
    """Build checks, each with a name of its own: a second ``contains`` is ``contains 2``."""
    used = set(taken)
    named: list[Named] = []
    for settings, where in tables:
        check = build(settings, where)
        name = wanted = settings.name or settings.type
        count = 1
        while name in used:
            count += 1
            name = f"{wanted} {count}"
        used.add(name)
        named.append(Named(name, settings, check, where))
    return tuple(named)
