"""Checks made of checks: ``all_of``, ``any_of``."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import Field, PrivateAttr

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.events import Role
from promptopt.domain.forecast import Asking, Spread
from promptopt.domain.results import CheckResult
from promptopt.domain.settings import CheckSettings
from promptopt.evaluation.checks.base import NO_ROLES, RIGHT, Check, Opinion, Tools
from promptopt.evaluation.checks.named import Build, Named, name_checks
from promptopt.evaluation.scores import score_checks

GROUPS = ("all_of", "any_of")


class Group(Check):
    """Several checks that count as one.

    Each member has its own ``weight``, ``threshold``, ``hard`` and ``tags``. A member that does not apply to
    a case is left out; if none does, the group does not apply. A group holds no groups.

    Attributes:
        checks: the members, as tables like any other check's.
    """

    checks: tuple[dict[str, Any], ...] = Field(strict=False)
    _members: tuple[Named, ...] = PrivateAttr(default=())

    @property
    def asks(self) -> frozenset[Role]:
        return NO_ROLES.union(*(member.check.asks for member in self._members))

    def asking(self, case: Example) -> Sequence[Asking]:
        return [asking for member in self._members for asking in member.asking(case)]

    @property
    def of_form(self) -> bool:
        return all(member.of_form for member in self._members)

    def applies(self, case: Example) -> bool:
        return any(member.applies(case) for member in self._members)

    def flaw_of(self, case: Example) -> str:
        flaws = [member.check.flaw_of(case) for member in self._members if member.applies(case)]
        return next((flaw for flaw in flaws if flaw), "")

    def fill(self, where: str, read: Callable[[dict[str, Any], str], CheckSettings], build: Build) -> None:
        """Make the members. Raises SettingsError: there is none, one is a group, or one can't be used."""
        if not self.checks:
            raise SettingsError(
                "the group has no checks", where=f"{where}.checks", fix='as in checks = [{ type = "exact" }]'
            )
        tables: list[tuple[CheckSettings, str]] = []
        for position, table in enumerate(self.checks):
            place = f"{where}.checks[{position}]"
            settings = read(table, place)
            if settings.type in GROUPS:
                fix = "put the members of the inner group into the outer one, or make it a check of its own"
                raise SettingsError("a group inside a group", where=place, fix=fix)
            tables.append((settings, place))
        self._members = name_checks(tables, build)


class AllOf(Group):
    """All members pass. The score is the weighted mean of theirs, 0 if a hard one fails.

    With a ``threshold`` of its own it passes if that mean reaches it.
    """

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        results = [await member.ask(case, output, tools) for member in self._members if member.applies(case)]
        score, passed = score_checks(results)
        return RIGHT if score == 1 and passed else Opinion(score, _reasons(results), passed)


class AnyOf(Group):
    """At least one member passes. The score is the best one's; members after a perfect one are not asked.

    With a ``threshold`` of its own it passes if that score reaches it. A member's ``weight`` and ``hard`` say
    nothing here.
    """

    def asking(self, case: Example) -> Sequence[Asking]:
        """A member may be perfect, and then those after it are not asked."""
        found: list[Asking] = []
        surely = True
        for member in self._members:
            for asking in member.asking(case):
                low = asking.calls.low if surely else 0
                found.append(replace(asking, calls=Spread.of(low, asking.calls.likely, asking.calls.high)))
            surely = surely and not member.applies(case)
        return found

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        results: list[CheckResult] = []
        for member in self._members:
            if member.applies(case):
                results.append(await member.ask(case, output, tools))
                if results[-1].passed and results[-1].score == 1:
                    return RIGHT
        passing = [result.score for result in results if result.passed]
        best = max(passing or [result.score for result in results])
        return Opinion(best, "" if passing else "none passes: " + _reasons(results), bool(passing))


def _reasons(results: list[CheckResult]) -> str:
    told = [result for result in results if not result.passed] or results
    return "; ".join(f"{result.reason or 'no reason given'} ({result.name})" for result in told)
