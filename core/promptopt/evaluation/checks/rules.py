"""Constraints: rules that every output must keep, whatever the case."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ConstraintSettings
from promptopt.domain.task import Constraint
from promptopt.evaluation.boxes import Boxes, run_once
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.code import check_code, operation
from promptopt.evaluation.checks.matching import check_pattern
from promptopt.evaluation.checks.options import did_you_mean
from promptopt.evaluation.checks.structured import MISSING, read_json, unwrap
from promptopt.evaluation.functions import NO_FUNCTIONS, Functions
from promptopt.evaluation.sandbox import Outcome, Request

RULES = ("max_words", "min_words", "max_chars", "regex", "not_regex", "one_of", "json_output", "code")

OWN = "validator"
"""The rule that is a function of the calling program."""

TIMEOUT = 2.0
"""Seconds for a pattern or for code."""

_KEPT = ""


@dataclass(frozen=True)
class Rule:
    """One constraint, ready to judge outputs.

    Attributes:
        settings: as the project file has it.
        description: the rule in words: the owner's, or derived from the rule.
    """

    settings: ConstraintSettings
    description: str
    _fault: Callable[[str], str] | None = None
    _request: Callable[[str], Request] | None = None
    _verdict: Callable[[str, Outcome], str] | None = None
    _functions: Functions | None = None

    async def fault(self, output: str, boxes: Boxes) -> str:
        """Why ``output`` breaks the rule; empty if it keeps it."""
        if self._functions:
            kept = await self._functions.keeps(self.settings.name, output)
            return _KEPT if kept else self.description
        if self._request and self._verdict:
            return self._verdict(output, await boxes.run(self._request(output)))
        return self._fault(output) if self._fault else _KEPT

    def fault_now(self, output: str) -> str:
        """The same, blocking. Patterns and code get a sandbox worker of their own for each call."""
        if self._functions:
            kept = self._functions.validators[self.settings.name](output)
            return _KEPT if kept else self.description
        if self._request and self._verdict:
            return self._verdict(output, run_once(self._request(output)))
        return self._fault(output) if self._fault else _KEPT

    def keeps(self, output: str) -> bool:
        """Whether ``output`` keeps the rule, blocking."""
        return not self.fault_now(output)

    @property
    def constraint(self) -> Constraint:
        """The rule as a task has it, with a validator that anyone can call."""
        return Constraint(
            name=self.settings.name,
            description=self.description,
            validator=self.keeps,
            weight=self.settings.weight,
            hard=self.settings.hard,
        )


def build_rules(
    constraints: Sequence[ConstraintSettings],
    where: str = "task.constraints",
    functions: Functions = NO_FUNCTIONS,
) -> list[Rule]:
    """Make the constraints of a project file ready.

    Args:
        functions: those of the calling program.

    Raises:
        SettingsError: an unknown key, no rule or several in one constraint, a bad pattern or bad code, a
            function that this process does not have, or a name that is used twice.
    """
    rules: list[Rule] = []
    for position, settings in enumerate(constraints):
        place = f"{where}[{position}]"
        if any(rule.settings.name == settings.name for rule in rules):
            raise SettingsError(
                f"two constraints have the name {settings.name!r}",
                where=f"{place}.name",
                fix="give each a name of its own",
            )
        rules.append(_build(settings, place, functions))
    return rules


def _build(settings: ConstraintSettings, where: str, functions: Functions) -> Rule:
    for key in settings.model_extra or {}:
        raise SettingsError(
            f"there is no key {key!r} in a constraint", where=f"{where}.{key}", fix=did_you_mean(key, _KEYS)
        )
    values = {name: getattr(settings, name) for name in (*RULES, OWN)}
    given = [name for name, value in values.items() if value is not None and value is not False]
    if len(given) != 1:
        raise SettingsError(
            f"a constraint has exactly one rule; this one has {' and '.join(given) or 'none'}",
            where=where,
            fix=f"give one of {', '.join(RULES)}",
        )
    if given[0] == OWN:
        functions.require_validator(settings.name, f"{where}.{OWN}")
        description = settings.description or settings.validator or settings.name
        return Rule(settings, description, _functions=functions)
    return _MAKERS[given[0]](settings, f"{where}.{given[0]}")


_KEYS = list(ConstraintSettings.model_fields)


def _max_words(settings: ConstraintSettings, where: str) -> Rule:
    most = _count(settings.max_words, where)

    def fault(output: str) -> str:
        words = len(output.split())
        told = f"{reasons.TOO_LONG}{_number(words, 'word')}, at most {most} allowed"
        return told if words > most else _KEPT

    return _local(settings, f"at most {_number(most, 'word')}", fault)


def _min_words(settings: ConstraintSettings, where: str) -> Rule:
    least = _count(settings.min_words, where)

    def fault(output: str) -> str:
        words = len(output.split())
        told = f"{reasons.TOO_SHORT}{_number(words, 'word')}, at least {least} wanted"
        return told if words < least else _KEPT

    return _local(settings, f"at least {_number(least, 'word')}", fault)


def _max_chars(settings: ConstraintSettings, where: str) -> Rule:
    most = _count(settings.max_chars, where)

    def fault(output: str) -> str:
        size = len(output.strip())
        return f"{reasons.TOO_LONG}{size} characters, at most {most} allowed" if size > most else _KEPT

    return _local(settings, f"at most {_number(most, 'character')}", fault)


def _one_of(settings: ConstraintSettings, where: str) -> Rule:
    choices = settings.one_of or []
    if not choices:
        raise SettingsError("one_of is empty, so no output is allowed", where=where, fix="list the outputs")
    plain = {choice.strip().casefold() for choice in choices}
    listed = ", ".join(choices)

    def fault(output: str) -> str:
        if output.strip().casefold() in plain:
            return _KEPT
        return reasons.shorten(f"{reasons.NOT_ALLOWED}{reasons.quote(output.strip())} (allowed: {listed})")

    return _local(settings, f"exactly one of: {listed}", fault)


def _json_output(settings: ConstraintSettings, where: str) -> Rule:
    def fault(output: str) -> str:
        try:
            read_json(output)
        except ValueError as error:
            why = reasons.NOT_JSON if unwrap(output)[0] is MISSING else reasons.NOT_BARE_JSON
            return reasons.shorten(f"{why} ({error}): {reasons.quote(output.strip(), 80)}")
        return _KEPT

    return _local(settings, "valid JSON and nothing else", fault)


def _regex(settings: ConstraintSettings, where: str) -> Rule:
    pattern = settings.regex or ""
    check_pattern(pattern, where)

    def verdict(output: str, outcome: Outcome) -> str:
        if outcome.broken:
            return _failed_pattern(pattern, outcome)
        got = f"{reasons.NO_MATCH}{reasons.quote(pattern)}: {reasons.quote(output.strip())}"
        return _KEPT if outcome.score == 1 else got

    return Rule(
        settings,
        settings.description or f"matches the pattern {pattern}",
        _request=lambda output: Request("regex", pattern, output, timeout=TIMEOUT),
        _verdict=verdict,
    )


def _not_regex(settings: ConstraintSettings, where: str) -> Rule:
    pattern = settings.not_regex or ""
    check_pattern(pattern, where)
    if re.compile(pattern).search(""):
        raise SettingsError(
            f"{reasons.quote(pattern)} is found in every text, so no output is allowed", where=where
        )

    def verdict(output: str, outcome: Outcome) -> str:
        if outcome.broken:
            return _failed_pattern(pattern, outcome)
        return f"{reasons.FORBIDDEN}{reasons.quote(pattern)}" if outcome.score == 1 else _KEPT

    return Rule(
        settings,
        settings.description or f"nothing in it matches the pattern {pattern}",
        _request=lambda output: Request("regex", pattern, output, timeout=TIMEOUT),
        _verdict=verdict,
    )


def _code(settings: ConstraintSettings, where: str) -> Rule:
    code = settings.code or ""
    check_code(code, where, settings.sandbox)

    def verdict(output: str, outcome: Outcome) -> str:
        return _KEPT if outcome.score == 1 else outcome.reason or "an assertion failed"

    return Rule(
        settings,
        settings.description or code.strip(),
        _request=lambda output: Request(operation(settings.sandbox), code, output, timeout=TIMEOUT),
        _verdict=verdict,
    )


_MAKERS: dict[str, Callable[[ConstraintSettings, str], Rule]] = {
    "max_words": _max_words,
    "min_words": _min_words,
    "max_chars": _max_chars,
    "regex": _regex,
    "not_regex": _not_regex,
    "one_of": _one_of,
    "json_output": _json_output,
    "code": _code,
}


def _local(settings: ConstraintSettings, description: str, fault: Callable[[str], str]) -> Rule:
    return Rule(settings, settings.description or description, _fault=fault)


def _failed_pattern(pattern: str, outcome: Outcome) -> str:
    return f"the pattern {reasons.quote(pattern, 80)} {outcome.reason}"


def _count(value: Any, where: str) -> int:
    if not isinstance(value, int) or value < 1:
        raise SettingsError(f"expected a whole number from 1, found {value!r}", where=where)
    return value


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
