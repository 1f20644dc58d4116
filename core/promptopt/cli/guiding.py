"""guide, approve: what people ask of an optimizer's proposals, and their consent to each."""

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.arguments import ReasonOption, RunArgument
from promptopt.cli.output import say
from promptopt.cli.steering import tell
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.runs.state import RunState
    from promptopt.store.commands import Command
    from promptopt.store.database import Database
    from promptopt.store.runs import RunRow

OLDEST = "first"
"""In the place of an id: the proposal that waits longest."""

_TEXT = Parameter(allow_leading_hyphen=True, negative=())


def guide(
    reference: RunArgument = "latest",
    /,
    *,
    note: Annotated[str | None, _TEXT] = None,
    keep: Annotated[str | None, _TEXT] = None,
    avoid: Annotated[str | None, _TEXT] = None,
    withdraw: int | None = None,
    reason: ReasonOption = "",
) -> None:
    """Ask something of the prompts that a run's optimizer proposes from now on; without an option, list it.

    Args:
        note: free text that enters its next proposal.
        keep: a text that every proposal must contain.
        avoid: a text that no proposal may contain.
        withdraw: number of what is to hold no more.
    """
    from promptopt.runs.asking import alive, fold_of
    from promptopt.store.commands import Guide, Withdraw
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    texts = {"note": note, "keep": keep, "avoid": avoid}
    if any(text is not None and not text.strip() for text in texts.values()):
        raise SettingsError("the text is empty; nothing was sent")
    commands: list[Command] = [
        Guide(form=form, text=text, reason=reason)  # type: ignore[arg-type]
        for form, text in texts.items()
        if text is not None
    ]
    if withdraw is not None:
        commands.append(Withdraw(number=withdraw, reason=reason))
    with closing(Database.open()) as database:
        if not commands:
            row = Runs(database).find(reference)
            for line in guidance_lines(fold_of(database, row)):
                say(line)
            return
        row = alive(database, reference, "guide")
        for command in commands:
            tell(database, row, command, "guide")


def guidance_lines(state: "RunState") -> list[str]:
    """What is in force, and whether proposals wait for a person."""
    wishes = state.wishes
    lines = [
        f"{wish.number:>4}  {one_line(str(wish), 300)} ({one_line(wish.by, 40)})" for wish in wishes.in_force
    ]
    lines = lines or ["nothing is asked of proposals"]
    return [*lines, "every proposal waits for a person"] if wishes.approval else lines


def approve(
    reference: RunArgument = "latest",
    /,
    *,
    on: bool = False,
    off: bool = False,
    accept: str | None = None,
    reject: str | None = None,
    reason: ReasonOption = "",
) -> None:
    """Let proposals wait for your consent before they are scored; without an option, show what waits.

    Args:
        on: from now on, proposals wait.
        off: they wait no more, and those that do are accepted.
        accept: id of a proposal that waits, its beginning, or: first.
        reject: the same; the optimizer is told the reason.
    """
    from promptopt.runs.asking import alive, fold_of
    from promptopt.store.commands import Decide, SetApproval
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    given = [name for name, value in (("--on", on), ("--off", off)) if value]
    given += [name for name, value in (("--accept", accept), ("--reject", reject)) if value is not None]
    if len(given) > 1:
        raise SettingsError(f"found {' and '.join(given)}, expected one of them")
    with closing(Database.open()) as database:
        if not given:
            _show_waiting(database, Runs(database).find(reference))
            return
        row = alive(database, reference, "steer")
        if on or off:
            tell(database, row, SetApproval(on=on, reason=reason), "change that")
            return
        candidate_id = _waiting_id(fold_of(database, row), row, accept or reject or "")
        command = Decide(candidate_id=candidate_id, adopt=accept is not None, reason=reason)
        tell(database, row, command, "accept" if accept is not None else "reject")


def _waiting_id(state: "RunState", row: "RunRow", wanted: str) -> str:
    """The proposal that is meant.

    Raises:
        RunError: none waits that is called so, or several do.
    """
    waiting = list(state.wishes.waiting)
    found = (
        waiting[:1] if wanted == OLDEST else [each for each in waiting if wanted and each.startswith(wanted)]
    )
    if len(found) != 1:
        many = "more than one" if found else "no"
        raise RunError(
            f"{many} proposal that waits is called {wanted!r}", fix=f"promptopt approve {row.id} lists them"
        )
    return found[0]


def _show_waiting(database: "Database", row: "RunRow") -> None:
    from promptopt.runs.asking import fold_of

    state = fold_of(database, row)
    if not state.wishes.waiting:
        say("no proposal waits" if state.wishes.approval else "no proposal waits; --on lets them from now on")
        return
    for told, _ in state.wishes.waiting.values():
        parent = f", made from {state.name(told.parent_id)}" if told.parent_id else ""
        say(f"proposal {told.candidate_id}, iteration {told.iteration}{parent}")
        if told.reasoning:
            say(f"  why: {told.reasoning}")
        if told.demonstrations:
            say(f"  with {len(told.demonstrations)} demonstrations")
        for line in told.text.splitlines():
            say(f"  | {line}")
    say(f"promptopt approve {row.id} --accept first, or --reject first --reason TEXT, answers the first")
