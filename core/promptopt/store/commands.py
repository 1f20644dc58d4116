"""What people ask of a run: written by any face, carried out by the run's worker."""

import getpass
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import Connection, insert, select, update

from promptopt.domain.guidance import Form
from promptopt.domain.text import storable
from promptopt.domain.words import Role
from promptopt.store.database import Database
from promptopt.store.schema import commands

Words = Annotated[str, AfterValidator(storable)]
"""What a person typed."""


class _Command(BaseModel):
    """``reason``: why it is asked for, in a person's words; may be empty."""

    model_config = ConfigDict(frozen=True)

    reason: Words = Field(default="", max_length=2000)


class Pause(_Command):
    """Start no new call; calls in flight finish."""

    kind: Literal["pause"] = "pause"


class Resume(_Command):
    kind: Literal["resume"] = "resume"


class Stop(_Command):
    """End the search. Then the sealed test is scored, unless ``now``.

    ``after_iteration``: let the iteration that is under way come to its end first.
    """

    kind: Literal["stop"] = "stop"
    now: bool = False
    after_iteration: bool = False


class Step(_Command):
    """Go on until a new iteration begins, and pause there."""

    kind: Literal["step"] = "step"


class GiveUp(_Command):
    """End a run that paused itself, with its reason: nobody is there who could mend what it waits for.

    A run that does not wait for anybody goes on.
    """

    kind: Literal["give_up"] = "give_up"


class Edit(_Command):
    """Score ``text`` against the current prompt and let the run go on from it.

    ``adopt``: ``always`` goes on from it whatever its score, ``if_not_worse`` unless it is worse, ``ask``
    leaves it to a :class:`Decide`.
    """

    kind: Literal["edit"] = "edit"
    text: Words
    adopt: Literal["always", "if_not_worse", "ask"] = "always"


class Inject(_Command):
    """Score ``text`` and let it stand in the running; the search goes on as it would have without it."""

    kind: Literal["inject"] = "inject"
    text: Words


class Mend(_Command):
    """Put the expectation of a training or validation case right, or drop the case (``expected`` None).

    All candidates are judged anew on it, from the answers that there are.
    """

    kind: Literal["mend"] = "mend"
    case_id: str
    expected: Words | None = None


class SetLimits(_Command):
    """Change caps of the run's budget, from now on.

    ``limits``: name of a cap (``usd``, ``target_calls`` …) to what it is to be; None lifts it. Caps that are
    not named stay.
    """

    kind: Literal["limits"] = "limits"
    limits: dict[str, float | None]


class SetModel(_Command):
    """Let another model answer in a role from the next call on, one that makes no scores.

    ``changes``: settings as of ``[models.ROLE]``; what is not named stays, as far as it suits the model.
    """

    kind: Literal["model"] = "model"
    role: Role
    changes: dict[str, Any]


class SetConcurrency(_Command):
    """Change how many calls at once are made of a role's model at most, from now on."""

    kind: Literal["concurrency"] = "concurrency"
    role: Role
    most: int = Field(ge=1, le=10_000)


class Guide(_Command):
    """Ask something of the optimizer's proposals from now on; see ``domain.guidance``."""

    kind: Literal["guide"] = "guide"
    form: Form
    text: Words = Field(min_length=1, max_length=4000)


class Withdraw(_Command):
    """Take back what was asked with the number ``number``."""

    kind: Literal["withdraw"] = "withdraw"
    number: int


class SetApproval(_Command):
    """Let every proposal wait for a person before it is scored, or (``on`` false) none any more."""

    kind: Literal["approval"] = "approval"
    on: bool


class Decide(_Command):
    """The answer to an edit, or to a proposal, that waits for one."""

    kind: Literal["decide"] = "decide"
    candidate_id: str
    adopt: bool


Command = Annotated[
    Pause
    | Resume
    | Step
    | Stop
    | GiveUp
    | Edit
    | Inject
    | Decide
    | Guide
    | Withdraw
    | SetApproval
    | Mend
    | SetLimits
    | SetConcurrency
    | SetModel,
    Field(discriminator="kind"),
]

_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


@dataclass(frozen=True)
class Sent:
    """A command on its way."""

    id: int
    author: str
    command: Command


class Commands:
    """One run's commands."""

    def __init__(self, database: Database, run_id: str) -> None:
        self._db = database
        self._run_id = run_id
        self._done: set[int] = set()
        """Carried out, by this object's owner; that may not be in the store yet."""

    def send(self, command: Command, author: str = "") -> int:
        """Ask for ``command``; returns its id. ``author`` is the user's name by default."""
        row = {
            "run_id": self._run_id,
            "kind": command.kind,
            "body": command.model_dump_json(),
            "author": author or _user(),
            "at": time.time(),
        }

        def put(connection: Connection) -> int:
            result = connection.execute(insert(commands), row)
            key = result.inserted_primary_key
            assert key is not None
            return int(key[0])

        return self._db.transact(put).result()

    def waiting(self) -> list[Sent]:
        """Commands that were not carried out yet, oldest first; one that can't be read is marked so."""
        query = (
            select(commands.c.id, commands.c.author, commands.c.body)
            .where(commands.c.run_id == self._run_id, commands.c.handled_at.is_(None))
            .order_by(commands.c.id)
        )
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        found: list[Sent] = []
        for row in rows:
            if row.id in self._done:
                continue
            try:
                found.append(Sent(row.id, row.author, _COMMAND.validate_json(row.body)))
            except ValidationError:
                self.done(row.id, "the worker's version of promptopt knows no such command")
        return found

    def done(self, command_id: int, outcome: str = "") -> None:
        """Mark a command as carried out (queued, in order with the worker's events)."""
        self._done.add(command_id)
        statement = update(commands).where(commands.c.id == command_id)
        self._db.write(statement.values(handled_at=time.time(), outcome=outcome))

    def outcome(self, command_id: int) -> str | None:
        """What came of a command, in words; None if it was not carried out yet."""
        query = select(commands.c.outcome).where(
            commands.c.id == command_id, commands.c.handled_at.is_not(None)
        )
        with self._db.read() as connection:
            return connection.execute(query).scalar()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody"
