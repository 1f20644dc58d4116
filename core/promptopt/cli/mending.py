"""mend: putting a case right while a run goes on."""

from contextlib import closing
from typing import Annotated

from cyclopts import Parameter

from promptopt.cli.arguments import ReasonOption, RunArgument
from promptopt.cli.steering import tell
from promptopt.domain.errors import SettingsError


def mend(
    reference: RunArgument,
    case_id: Annotated[str, Parameter(name="CASE", help="the case: its id.")],
    /,
    *,
    expected: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    drop: bool = False,
    reason: ReasonOption = "",
) -> None:
    """Put a case's expectation right, or drop the case: all candidates are judged anew on what they answered.

    Nothing is asked again of the target model. The search begins anew from the current prompt. The project's
    own file is not changed.

    Args:
        expected: what the case is to expect.
        drop: leave the case out.
    """
    from promptopt.runs.asking import alive
    from promptopt.store.commands import Mend
    from promptopt.store.database import Database

    if drop == (expected is not None):
        raise SettingsError("expected one of --expected TEXT and --drop")
    with closing(Database.open()) as database:
        row = alive(database, reference, "mend")
        tell(database, row, Mend(case_id=case_id, expected=expected, reason=reason), "mend")
