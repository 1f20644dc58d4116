"""check: whether a project can run and what it would send, or what its checks say of one output."""

import asyncio
import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from promptopt.cli.arguments import ProjectArgument
from promptopt.cli.output import emit, note, number, say
from promptopt.cli.prechecking import check_project
from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptopt.domain.chat import LLMResponse
    from promptopt.domain.dataset import Example
    from promptopt.domain.prompt import Message
    from promptopt.domain.results import CheckResult
    from promptopt.domain.settings import CheckSettings, ProjectSettings
    from promptopt.evaluation.checks.base import Ask
    from promptopt.store.projectcode import ProjectCode
    from promptopt.store.projects import Project

_OUTPUT = "the output to judge; - reads it from standard input."

MOST_CALLS = 30
"""Calls of the judge model that one output is worth."""


def check(
    project: ProjectArgument,
    /,
    *,
    output: Annotated[str | None, Parameter(help=_OUTPUT, allow_leading_hyphen=True)] = None,
    case: str | None = None,
    ask: bool = False,
    json: bool = False,
) -> int:
    """Look whether a project can run, and what it would send of personal data and secrets; or, with an
    output, judge that with the project's checks. No model is asked unless you say so.

    Args:
        case: id of the case that it answers; the first one if it is not given.
        ask: let checks that need a judge model ask it, which may cost.
        json: print one JSON object.
    """
    from promptopt.domain.results import CheckResult
    from promptopt.evaluation.scores import score_checks
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import find_project, load_project

    found = load_project(find_project(project))
    if output is None:
        return check_project(found, json=json)
    text = sys.stdin.read() if output == "-" else output
    cases = load_dataset(found.settings, found.dir).dataset.cases()
    chosen = _chosen(cases, case)
    settings, left_out = _without_models(found.settings, ask=ask)
    code = _trusted(found, chosen)
    results: Sequence[CheckResult] = asyncio.run(_judge(settings, found, chosen, text, code, ask=ask))
    score, passed = score_checks(results) if results else (None, None)
    outcome = {
        "case_id": chosen.id,
        "score": score,
        "passed": passed,
        "checks": [result.model_dump() for result in results],
        "left_out": left_out,
    }
    if json:
        emit(outcome)
    else:
        _say(outcome)
    return 0


def _chosen(cases: Any, wanted: str | None) -> "Example":
    for case in cases:
        if wanted is None or case.id == wanted:
            return case
    raise SettingsError(f"there is no case {wanted!r}", fix="promptopt data splits PROJECT lists the cases")


def _without_models(settings: "ProjectSettings", *, ask: bool) -> "tuple[ProjectSettings, list[str]]":
    """The settings without the checks that would ask a model that may not be asked, and their names."""
    from pathlib import Path

    from promptopt.evaluation.checks.options import build_check

    kept: list[CheckSettings] = []
    left_out: list[str] = []
    for place, table in enumerate(settings.checks):
        roles = build_check(table, f"checks[{place}]", Path()).asks
        if "embedding" in roles or (roles and not ask):
            left_out.append(table.name or table.type)
        else:
            kept.append(table)
    return settings.model_copy(update={"checks": kept}), left_out


def _trusted(project: "Project", case: "Example") -> "ProjectCode | None":
    """The code that functions of the project import, as it was trusted. Raises TrustError."""
    from promptopt.store.trust import TrustError, powers, trusted_code, untrusted

    fix = f"look at it and trust it: promptopt trust {shlex.quote(str(project.path))}"
    found = [power for power in powers(project.settings, [case], project.dir) if power.is_code]
    if missing := untrusted(found):
        raise TrustError(missing, where=str(project.path), fix=fix)
    return trusted_code(project.settings, [case], project.dir, fix)


async def _judge(
    settings: "ProjectSettings",
    project: "Project",
    case: "Example",
    output: str,
    code: "ProjectCode | None",
    *,
    ask: bool,
) -> "Sequence[CheckResult]":
    from promptopt.evaluation.checks import build_judge

    none_left = bool(project.settings.checks) and not settings.checks
    if none_left and not (settings.task.constraints or case.checks):
        return ()
    judge = build_judge(settings, project.dir, code=code, optional=True)
    try:
        return await judge.judge(case, output, ask=_asker(settings) if ask and judge.asks else None)
    finally:
        await judge.close()


def _asker(settings: "ProjectSettings") -> "Ask":
    """The project's judge model, behind the gateway and a cap of its own."""
    from promptopt.evaluation.client import LLMClient
    from promptopt.runs.setup import model_of

    model = model_of(settings, "judge")
    own = model.model_dump(exclude={"model", "name", "weight"}, exclude_defaults=True)
    client = LLMClient("", model.model, budget={"calls": MOST_CALLS}, compliance=settings.compliance, **own)

    async def ask(messages: "Sequence[Message]", _path: str, _sample: int) -> "LLMResponse":
        return await asyncio.to_thread(client.generate, list(messages))

    return ask


def _say(outcome: dict[str, Any]) -> None:
    if outcome["score"] is None:
        say(f"case {outcome['case_id']}: no check has anything to say")
    else:
        mark = "✓ passes" if outcome["passed"] else "✗ fails"
        say(f"case {outcome['case_id']}: {mark}, score {number(outcome['score'])}")
    for result in outcome["checks"]:
        mark = "✓" if result["passed"] else "✗"
        hard = ", hard" if result["hard"] else ""
        reason = f": {one_line(result['reason'], 400)}" if result["reason"] else ""
        say(
            f"  {mark} {result['name']}  {number(result['score'])}, weight {result['weight']:g}{hard}{reason}"
        )
    if outcome["left_out"]:
        note(f"left out, for they ask a model (--ask lets judges): {', '.join(outcome['left_out'])}")
