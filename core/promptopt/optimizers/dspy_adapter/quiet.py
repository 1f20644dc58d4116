# pyright: basic, reportMissingTypeStubs=false
"""DSPy's optimizers print how they get on; in a program that called promptopt that is nobody's wish."""

import builtins
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_quiet: ContextVar[bool] = ContextVar("quiet", default=False)


def _print(*values: Any, **settings: Any) -> None:
    if not _quiet.get():
        builtins.print(*values, **settings)


@contextmanager
def quiet() -> Generator[None]:
    """Have DSPy's optimizers print nothing inside; a program's own use of DSPy still prints."""
    from dspy.teleprompt import bootstrap, random_search, utils

    for module in (bootstrap, random_search, utils):
        vars(module)["print"] = _print
    before = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(before)
