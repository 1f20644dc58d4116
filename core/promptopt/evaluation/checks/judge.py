"""The judge: all checks of a project, ready to judge outputs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from promptopt.domain.chat import LLMResponse
from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.events import Role
from promptopt.domain.forecast import Asking
from promptopt.domain.results import CheckResult
from promptopt.domain.settings import CheckSettings, ProjectSettings
from promptopt.domain.text import one_line
from promptopt.evaluation.boxes import Boxes
from promptopt.evaluation.checks import reasons, schema
from promptopt.evaluation.checks.base import NO_ROLES, Ask, Tools
from promptopt.evaluation.checks.code import Own, import_paths
from promptopt.evaluation.checks.named import Named
from promptopt.evaluation.checks.options import build_checks, read_settings
from promptopt.evaluation.checks.rules import Rule, build_rules
from promptopt.evaluation.embedding import Embed
from promptopt.evaluation.functions import NO_FUNCTIONS, Functions
from promptopt.evaluation.sandbox import Outcome, Request
from promptopt.store.projectcode import ProjectCode

MOST_SHOWN = 20
"""Cases that are named if many can't be judged."""


def build_judge(
    settings: ProjectSettings,
    project_dir: Path,
    cases: Iterable[Example] = (),
    notice: Callable[[str], None] | None = None,
    code: ProjectCode | None = None,
    *,
    functions: Functions = NO_FUNCTIONS,
    optional: bool = False,
) -> "Judge":
    """Make the judge of a project. Without any check or constraint, outputs are compared with ``exact``.

    Args:
        settings: the project.
        project_dir: folder of the project file; functions of ``callable`` checks are looked up there.
        cases: their own checks, and whether each can be judged, are looked at beforehand.
        notice: told, in words, of code and patterns that fail themselves, once each.
        code: the project's modules as its owner trusted them, from which ``callable`` checks import; None: as
            they are on the disk.
        functions: those of the calling program.
        optional: cases that no check applies to are no fault: others judge their outputs.

    Raises:
        SettingsError: a check, constraint or case that can't be used, with its place and the fix.
    """
    rules = build_rules(settings.task.constraints, functions=functions)
    checks = build_checks([(table, f"checks[{i}]") for i, table in enumerate(settings.checks)], project_dir)
    for named in checks:
        if isinstance(named.check, Own):
            functions.require_check(named.check.function, f"{named.where}.function")
    judge = Judge(checks, rules, project_dir, notice, code, functions=functions, optional=optional)
    known = tuple(cases)
    if (
        known
        and not optional
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
        checks: Sequence[Named],
        rules: Sequence[Rule],
        project_dir: Path,
        notice: Callable[[str], None] | None = None,
        code: ProjectCode | None = None,
        *,
        functions: Functions = NO_FUNCTIONS,
        optional: bool = False,
    ) -> None:
        self._optional = optional
        self._notice = notice
        self._told: set[str] = set()
        self._checks = tuple(checks)
        self._rules = tuple(rules)
        self._project_dir = project_dir
        self._own: dict[str, tuple[tuple[dict[str, object], ...], tuple[Named, ...]]] = {}
        self._default = (
            () if checks or rules else build_checks([(CheckSettings(type="exact"), "checks")], project_dir)
        )
        boxes = Boxes(import_paths(project_dir), self._tell, code)
        self._tools = Tools(project_dir=project_dir, boxes=boxes, warn=self._warn, functions=functions)

    @property
    def asks(self) -> frozenset[Role]:
        """The models that checks of the project, or of cases seen by :meth:`check_cases`, ask."""
        own = (named for _, checks in self._own.values() for named in checks)
        return NO_ROLES.union(*(named.check.asks for named in (*self._checks, *own)))

    def asking(self, case: Example) -> list[Asking]:
        """What judging one answer to ``case`` asks of models, for the forecast. Raises SettingsError."""
        return [asking for named in self._for(case) for asking in named.asking(case)]

    def check_cases(self, cases: Iterable[Example]) -> None:
        """Make sure that each case can be judged.

        Raises:
            SettingsError: names every case to which no check applies, whose own checks are wrong, or whose
                expected output is of no use to a check.
        """
        faults: list[SettingsError] = []
        for case in cases:
            try:
                self._check_case(case)
            except SettingsError as error:
                faults.append(error)
        if len(faults) == 1:
            raise faults[0]
        if faults:
            shown = [f"\n  {one_line(f'{fault.where}: {fault.what}', 200)}" for fault in faults[:MOST_SHOWN]]
            more = f"\n  and {len(faults) - MOST_SHOWN} more" if len(faults) > MOST_SHOWN else ""
            what = f"{len(faults)} cases can't be judged:{''.join(shown)}{more}"
            raise SettingsError(what, fix=f"the first: {faults[0].fix}" if faults[0].fix else "")

    def _check_case(self, case: Example) -> None:
        """Raise SettingsError if a case can't be judged."""
        where = f"case {case.id!r}"
        applying = self._for(case)
        if not applying and not self._rules and not self._optional:
            raise SettingsError(
                "no check applies to it: each needs an expected output or a tag that it does not have",
                where=where,
                fix="give it an expected output, or a check that needs none (assertion, callable …)",
            )
        for named in applying:
            flaw = named.check.flaw_of(case)
            if flaw:
                fix = f"mend its expected output, or the check {named.name!r} ({named.where})"
                raise SettingsError(flaw, where=where, fix=fix)

    def applies(self, case: Example) -> bool:
        """Whether a check or a constraint has something to say of a case."""
        return bool(self._rules or self._for(case))

    async def judge(
        self,
        case: Example,
        output: str,
        response: LLMResponse | None = None,
        ask: Ask | None = None,
        embed: Embed | None = None,
    ) -> tuple[CheckResult, ...]:
        """Judge ``output`` by every check that applies to ``case``, then by the constraints.

        A check that needs an expected output, or a tag, that the case lacks is left out. Whatever a check
        raises is a failed check with that as its reason.

        Args:
            response: the answer that ``output`` came with, for checks of its cost and latency.
            ask: the judge model, for checks that need one.
            embed: the embedding model, likewise.
        """
        tools = replace(self._tools, response=response, ask=ask, embed=embed)
        try:
            applying = self._for(case)
        except SettingsError as error:
            return (CheckResult(name="checks", score=0.0, passed=False, reason=reasons.shorten(error.what)),)
        results = [await named.ask(case, output, tools) for named in applying]
        return (*results, *[await self._rule(rule, output) for rule in self._rules])

    async def close(self) -> None:
        """End the sandbox's processes."""
        self._tools.functions.close()
        await self._tools.boxes.close()

    def _warn(self, text: str) -> None:
        if self._notice is not None:
            self._notice(text)

    def _tell(self, request: Request, outcome: Outcome) -> None:
        """Without this, a slip in a check looks like a prompt that gets everything wrong."""
        if self._notice is None or request.source in self._told:
            return
        self._told.add(request.source)
        if request.source == schema.FUNCTION:
            self._notice(
                f"a JSON schema gave no verdict: {outcome.reason}; what it can't judge counts as failed"
            )
            return
        what = {"regex": "pattern", "assert": "code", "monty": "code"}.get(request.op, "function")
        source = reasons.quote(request.source.strip().partition("\n")[0], 60)
        self._notice(
            f"the {what} {source} gave no verdict: {outcome.reason}; what it can't judge counts as failed"
        )

    def _for(self, case: Example) -> list[Named]:
        own = self._own_checks(case)
        return [named for named in (*self._checks, *(own or self._default)) if named.applies(case)]

    def _own_checks(self, case: Example) -> tuple[Named, ...]:
        if not case.checks:
            return ()
        known = self._own.get(case.id)
        if known is None or known[0] != case.checks:
            place = f"case {case.id!r} checks"
            tables = [(read_settings(t, f"{place}[{i}]"), f"{place}[{i}]") for i, t in enumerate(case.checks)]
            taken = [named.name for named in self._checks]
            known = self._own[case.id] = case.checks, build_checks(tables, self._project_dir, taken)
        return known[1]

    async def _rule(self, rule: Rule, output: str) -> CheckResult:
        try:
            fault = await rule.fault(output, self._tools.boxes)
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        return CheckResult(
            name=f"constraint {rule.settings.name}",
            score=0.0 if fault else 1.0,
            passed=not fault,
            reason=reasons.shorten(fault),
            weight=rule.settings.weight,
            hard=rule.settings.hard,
            form=True,
        )
