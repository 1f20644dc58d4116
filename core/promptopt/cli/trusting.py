"""trust: looking at what a project would do on this machine, and trusting it. And asking for it."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from promptopt.cli.arguments import ProjectArgument
from promptopt.cli.output import note, say
from promptopt.domain.text import sanitize

if TYPE_CHECKING:
    from promptopt.store.trust import Power

Made = TypeVar("Made")


def trust(project: ProjectArgument, /, *, show: bool = False) -> None:
    """Show what a project would do on this machine beyond being scored, and trust exactly that.

    That is code in full Python, functions of modules, keys and files for endpoints that are not on this
    machine. Whatever of it is changed later has to be trusted again. On a terminal you are asked before.

    Args:
        show: only show it.
    """
    from promptopt.evaluation.checks import build_judge
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import find_project, load_project
    from promptopt.store.trust import powers, untrusted
    from promptopt.store.trust import trust as record

    found = load_project(find_project(project))
    cases = list(load_dataset(found.settings, found.dir).dataset.cases())
    build_judge(found.settings, found.dir, cases, optional=bool(found.settings.panel))
    everything = powers(found.settings, cases, found.dir)
    if not everything:
        say(f"{found.path} needs no trust: it has no code and no endpoint that could do anything here")
        return
    missing = untrusted(everything)
    _show(everything, {power.digest for power in missing}, say)
    if not missing:
        say("all of it is trusted already")
    elif not show and (not _may_ask() or _ask(missing)):
        record(missing)
        say(f"trusted: {found.path}")


def with_trust(make: Callable[[bool], Made], *, trusted: bool, quiet: bool = False) -> Made:
    """What ``make`` makes of whether the owner trusts the project; on a terminal he is asked if it matters.

    Args:
        make: takes whether the project is to be trusted from now on.
        trusted: the command line says so.
        quiet: never ask.

    Raises:
        TrustError: it is not trusted; nothing was made.
    """
    from promptopt.store.trust import TrustError
    from promptopt.store.trust import trust as record

    while True:
        try:
            return make(trusted)
        except TrustError as error:
            if quiet or not _may_ask():
                raise
            note(f"{error.where}: {error.what}\n")
            _show(error.powers, set(), note)
            if not _ask(error.powers):
                raise
            # What was shown, and nothing that was changed meanwhile: that is asked for again.
            record(error.powers)


def _show(found: "Sequence[Power]", missing: set[str], write: Callable[[str], None]) -> None:
    for power in found:
        mark = " (not trusted yet)" if power.digest in missing else ""
        write(f"{power.where}: {power.title}{mark}")
        write(f"    sha256 {power.digest}")
        for line in power.shown.splitlines():
            write(f"    {line}")
        write("")
    if any(power.is_code for power in found):
        from promptopt.evaluation.boxes import around_python

        write(f"{around_python()}\n")


def _may_ask() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(found: "Sequence[Power]") -> bool:
    from promptopt.store.trust import at_stake

    print(sanitize(f"Trust exactly this? If you do, {at_stake(found)}. [y/N] "), end="")
    sys.stdout.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")
