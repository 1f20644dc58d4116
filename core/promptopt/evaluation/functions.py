"""Python functions that the calling program judges outputs with: they live in its own process only.

Settings, which are frozen with a run, name them (``constraints[].validator``, a check of type ``python``);
the functions themselves come beside the settings. A process that does not have them refuses the run rather
than judge it by less than it was judged by before.

They are called one after the other in a thread of their own, so that a slow one holds up nothing but the
judging, and none needs to be written for several threads.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from promptopt.domain.errors import SettingsError

_WAY_OUT = (
    "a run that a program started is taken up by that program: promptopt.optimize(resume=…) with the same "
    "task and checks; in a project file write code, or a check of type callable"
)


class Functions:
    """Functions of the calling program, by the names that settings give them.

    Args:
        validators: name of a constraint to its ``(output) -> bool``.
        checks: name of a ``python`` check to its function. It is called with as many of output, expected and
            inputs as it takes, may be a coroutine function, and returns a bool, a score in [0, 1], ``(score,
            reason)``, or a dict with ``score`` and, if it likes, ``reason``.
    """

    def __init__(
        self,
        validators: Mapping[str, Callable[[str], Any]] | None = None,
        checks: Mapping[str, Callable[..., Any]] | None = None,
    ) -> None:
        self.validators = dict(validators or {})
        self._checks = {name: (function, _arguments(function)) for name, function in (checks or {}).items()}
        self._thread: ThreadPoolExecutor | None = None

    def __bool__(self) -> bool:
        return bool(self.validators or self._checks)

    def require_check(self, name: str, where: str) -> None:
        """Raise SettingsError if there is no check function of that name here."""
        if name not in self._checks:
            raise SettingsError(
                f"the check {name!r} is a Python function that this process does not have",
                where=where,
                fix=_WAY_OUT,
            )

    def require_validator(self, name: str, where: str) -> None:
        """Raise SettingsError if there is no validator for the constraint of that name here."""
        if name not in self.validators:
            raise SettingsError(
                f"the constraint {name!r} is a Python function that this process does not have",
                where=where,
                fix=_WAY_OUT,
            )

    async def keeps(self, name: str, output: str) -> bool:
        """Whether ``output`` keeps the constraint; raises what the validator raises."""
        return bool(await self._call(self.validators[name], output))

    async def score(
        self, name: str, output: str, expected: str | None, inputs: Mapping[str, str]
    ) -> tuple[float, str]:
        """Score in [0, 1] and reason; raises what the function raises, and TypeError for another result."""
        function, count = self._checks[name]
        return _read(await self._call(function, *(output, expected, dict(inputs))[:count]))

    async def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self._thread = self._thread or ThreadPoolExecutor(1, thread_name_prefix="promptopt-functions")
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._thread, _without_exit, function, *arguments)
            return await found if inspect.isawaitable(found) else found
        except SystemExit as end:  # of a coroutine; out of a task it would end the event loop
            raise _exited(end) from None

    def close(self) -> None:
        """Let the thread go; a function that never returns is left behind."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
            self._thread = None


NO_FUNCTIONS = Functions()


def _without_exit(function: Callable[..., Any], *arguments: Any) -> Any:
    """A function that ends the program has failed; nothing else of the run is its business."""
    try:
        return function(*arguments)
    except SystemExit as end:
        raise _exited(end) from None


def _exited(end: SystemExit) -> RuntimeError:
    return RuntimeError(f"the function called exit({'' if end.code is None else end.code})")


def _arguments(function: Callable[..., Any]) -> int:
    """How many of output, expected and inputs a function takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # a builtin that does not tell
        return 3
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return 3
    places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(parameter.default is parameter.empty for parameter in places)
    if not places or required > 3:
        raise SettingsError(
            f"the check {getattr(function, '__name__', function)!r} takes {required} arguments",
            where="checks",
            fix="let it take (output), (output, expected) or (output, expected, inputs)",
        )
    return min(3, len(places))


def _read(value: Any) -> tuple[float, str]:
    reason: Any = ""
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        value, reason = table["score"], table.get("reason")
    elif isinstance(value, tuple):
        value, reason = cast("Sequence[Any]", value)
    score = float(value)
    if not 0 <= score <= 1:
        raise ValueError(f"the function returned {score:g}, which is not in [0, 1]")
    return score, str(reason or "")
