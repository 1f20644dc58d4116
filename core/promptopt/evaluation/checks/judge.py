"""The judge: all checks of a project, ready to judge outputs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.results import CheckResult
from promptopt.domain.settings import CheckSettings, ProjectSettings
from promptopt.evaluation.boxes import Boxes
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import Check, Opinion
from promptopt.evaluation.checks.code import import_paths
from promptopt.evaluation.checks.options import build_check, read_settings
from promptopt.evaluation.checks.rules import Rule, build_rules
from promptopt.evaluation.sandbox import Outcome, Request

_SLACK = 1e-9
"""So that a mean of 0.6 and 0.6 reaches a threshold of 0.6."""


@dataclass(frozen=True)
class _Named:
    """A check with its settings. ``where`` is its place in the project or data file."""

    name: str
    settings: CheckSettings
    check: Check
    where: str

    def applies(self, case: Example) -> bool:
        return case.expected is not None or not self.check.needs_expected


def build_judge(
    settings: ProjectSettings,
    project_dir: Path,
    cases: Iterable[Example] = (),
    notice: Callable[[str], None] | None = None,
) -> "Judge":
    """Make the judge of a project. Without any check or constraint, outputs are compared with ``exact``.

    Args:
        settings: the project.
        project_dir: folder of the project file; functions of ``callable`` checks are looked up there.
        cases: their own checks, and whether each can be judged, are looked at beforehand.
        notice: told, in words, of code and patterns that fail themselves, once each.

    Raises:
        SettingsError: a check, constraint or case that can't be used, with its place and the fix.
    """
    rules = build_rules(settings.task.constraints)
    checks = _name([(table, f"checks[{i}]") for i, table in enumerate(settings.checks)], project_dir)
    judge = Judge(checks, rules, project_dir, notice)
    known = tuple(cases)
    if (
        known
        and not checks
        and not rules
        and not any(case.checks or case.expected is not None for case in known)
    ):
        raise SettingsError(
            "there is no check, and no case has an expected output",
            where="checks",
            fix="add a check or a constraint, or give the cases expected outputs",
        )
    judge.check_cases(known)
    return judge


class Judge:
    """Judges outputs by the project's checks and constraints, and by the case's own checks.

    Built by :func:`build_judge`; to be used from one event loop, and closed.
    """

    def __init__(
        self,
        checks: Sequence[_Named],
        rules: Sequence[Rule],
        project_dir: Path,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self._notice = notice
        self._told: set[str] = set()
        self._checks = tuple(checks)
        self._rules = tuple(rules)
        self._project_dir = project_dir
        self._own: dict[str, tuple[tuple[dict[str, object], ...], tuple[_Named, ...]]] = {}
        self._default = (
            () if checks or rules else _name([(CheckSettings(type="exact"), "checks")], project_dir)
        )
        self._boxes = Boxes(import_paths(project_dir), self._tell)

    def check_cases(self, cases: Iterable[Example]) -> None:
        """Make sure that each case can be judged.

        Raises:
            SettingsError: a case to which no check applies, whose own checks are wrong, or whose expected
                output is of no use to a check.
        """
        for case in cases:
            where = f"case {case.id!r}"
            applying = self._for(case)
            if not applying and not self._rules:
                raise SettingsError(
                    "no check applies to it: it has no expected output, and all its checks need one",
                    where=where,
                    fix="give it an expected output, or a check that needs none (assertion, callable …)",
                )
            for named in applying:
                flaw = named.check.check_expected(case.expected) if case.expected is not None else ""
                if flaw:
                    fix = f"mend its expected output, or the check {named.name!r} ({named.where})"
                    raise SettingsError(flaw, where=where, fix=fix)

    async def judge(self, case: Example, output: str) -> tuple[CheckResult, ...]:
        """Judge ``output`` by every check that applies to ``case``, then by the constraints.

        A check that needs an expected output is left out if the case has none. Whatever a check raises is a
        failed check with that as its reason.
        """
        try:
            applying = self._for(case)
        except SettingsError as error:
            return (CheckResult(name="checks", score=0.0, passed=False, reason=reasons.shorten(error.what)),)
        results = [await self._ask(named, case, output) for named in applying]
        return (*results, *[await self._rule(rule, output) for rule in self._rules])

    async def close(self) -> None:
        """End the sandbox's processes."""
        await self._boxes.close()

    def _tell(self, request: Request, outcome: Outcome) -> None:
        """Without this, a slip in a check looks like a prompt that gets everything wrong."""
        if self._notice is None or request.source in self._told:
            return
        self._told.add(request.source)
        what = {"regex": "pattern", "assert": "code", "monty": "code"}.get(request.op, "function")
        source = reasons.quote(request.source.strip().partition("\n")[0], 60)
        self._notice(
            f"the {what} {source} gave no verdict: {outcome.reason}; what it can't judge counts as failed"
        )

    def _for(self, case: Example) -> list[_Named]:
        own = self._own_checks(case)
        return [named for named in (*self._checks, *(own or self._default)) if named.applies(case)]

    def _own_checks(self, case: Example) -> tuple[_Named, ...]:
        if not case.checks:
            return ()
        known = self._own.get(case.id)
        if known is None or known[0] != case.checks:
            place = f"case {case.id!r} checks"
            tables = [(read_settings(t, f"{place}[{i}]"), f"{place}[{i}]") for i, t in enumerate(case.checks)]
            taken = [named.name for named in self._checks]
            known = self._own[case.id] = case.checks, _name(tables, self._project_dir, taken)
        return known[1]

    async def _ask(self, named: _Named, case: Example, output: str) -> CheckResult:
        try:
            opinion = await named.check.judge(case, output, self._boxes)
        except Exception as error:
            opinion = Opinion(0.0, f"{type(error).__name__}: {error}")
        settings = named.settings
        score = min(1.0, max(0.0, opinion.score))
        return CheckResult(
            name=named.name,
            score=score,
            passed=score >= settings.threshold - _SLACK,
            reason=reasons.shorten(opinion.reason),
            weight=settings.weight,
            hard=settings.hard,
        )

    async def _rule(self, rule: Rule, output: str) -> CheckResult:
        try:
            fault = await rule.fault(output, self._boxes)
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        return CheckResult(
            name=f"constraint {rule.settings.name}",
            score=0.0 if fault else 1.0,
            passed=not fault,
            reason=reasons.shorten(fault),
            weight=rule.settings.weight,
            hard=rule.settings.hard,
        )


def score_checks(results: Sequence[CheckResult]) -> tuple[float, bool]:
    """A case's score (weighted mean of its checks, 0 if a hard one failed), and whether all passed."""
    if not results:
        return 0.0, False
    if any(result.hard and not result.passed for result in results):
        return 0.0, False
    total = sum(result.weight for result in results)
    score = sum(result.weight * result.score for result in results) / total
    return min(1.0, score), all(result.passed for result in results)


def _name(
    tables: Sequence[tuple[CheckSettings, str]], project_dir: Path, taken: Iterable[str] = ()
) -> tuple[_Named, ...]:
    """Build checks, each with a name of its own: a second ``contains`` is ``contains 2``."""
    used = set(taken)
    named: list[_Named] = []
    for settings, where in tables:
        check = build_check(settings, where, project_dir)
        name = wanted = settings.name or settings.type
        count = 1
        while name in used:
            count += 1
            name = f"{wanted} {count}"
        used.add(name)
        named.append(_Named(name, settings, check, where))
    return tuple(named)
