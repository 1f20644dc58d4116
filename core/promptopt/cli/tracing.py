"""trace: the model calls of a run."""

import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.arguments import RunArgument
from promptopt.cli.output import emit, note, say
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.store.database import Database
    from promptopt.store.runs import RunRow
    from promptopt.store.trace import TracedCall, Wanted
    from promptopt.store.withholding import Withholder


@Parameter(name="*")
@dataclass(frozen=True)
class Filters:
    """Which calls are told of; each filter that is given has to hold.

    Attributes:
        role: only calls of this model.
        status: only calls that ended so.
        case: only calls about the case with this id.
        grep: only calls with this text in what is sent or answered, or in the error; case does not matter.
    """

    role: Literal["target", "optimizer", "judge", "generator", "embedding"] | None = None
    status: Literal["answered", "failed", "refused", "lost"] | None = None
    case: str | None = None
    grep: str | None = None


ALL = Filters()


@dataclass(frozen=True)
class _Which:
    """What was asked for on the command line."""

    limit: int
    text: str
    full: bool


def trace(
    reference: RunArgument = "latest",
    /,
    *,
    filters: Filters = ALL,
    limit: Annotated[int, Parameter(validator=Number(gte=0))] = 100,
    full: bool = False,
    json: bool = False,
    redact_inputs: bool = False,
) -> None:
    """List a run's model calls, oldest first: when, which model, how it ended, what it took, what was said.

    Keys are never shown. A failed call is one that the run went on from without an answer; refused and lost
    are attempts, of which a call can have several.

    Args:
        limit: so many calls, the newest; 0 for all.
        full: also what was sent and the whole answer.
        json: print one JSON object per call.
        redact_inputs: leave out what was sent about cases (every message but the system message).
    """
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs
    from promptopt.store.trace import Wanted, models_of
    from promptopt.store.withholding import Withholder

    with closing(Database.open()) as database:
        runs = Runs(database)
        row = runs.find(reference)
        settings = runs.settings(row.id)
        case, text = filters.case or "", filters.grep or ""
        keys = _keys_of(database, row, case) if case else ()
        wanted = Wanted(filters.role, filters.status, case, keys, text, requests=full or bool(text))
        inputs = _inputs(runs, row) if redact_inputs else None
        which = _Which(limit, text.casefold(), full)
        found = _found(database, row, models_of(settings), wanted, which, Withholder(settings, inputs))
        _tell(found, row, which, json=json)


def _found(
    database: "Database",
    row: "RunRow",
    models: Any,
    wanted: "Wanted",
    which: _Which,
    withhold: "Withholder",
) -> Iterator["TracedCall"]:
    """The calls to tell of, oldest first, without what must not be told; of more than ``limit`` one more."""
    from promptopt.store.trace import says
    from promptopt.store.trace import trace as calls_of

    newest = which.limit > 0
    every = calls_of(database, row.id, models, wanted, live=row.live, newest_first=newest)
    clean = (withhold.clean(call) for call in every)
    kept = (call for call in clean if not which.text or says(call, which.text))
    if not newest:
        return kept
    return iter(list(islice(kept, which.limit + 1))[::-1])


def _keys_of(database: "Database", row: "RunRow", case_id: str) -> list[str]:
    """Content keys of all requests that the run's prompts make of a case: they are those of equal cases, too.

    Raises:
        RunError: the run has no such case.
    """
    from promptopt.domain.chat import ChatRequest
    from promptopt.domain.dataset import SPLITS
    from promptopt.domain.errors import RunError
    from promptopt.store.cells import Cells
    from promptopt.store.runs import Runs

    runs = Runs(database)
    case = next((c for split in SPLITS for c in runs.cases(row.id, split) if c.id == case_id), None)
    if case is None:
        raise RunError(
            f"run {row.id} has no case {case_id!r}", fix="promptopt trace without --case names them"
        )
    target = runs.settings(row.id).models["target"]
    return [
        ChatRequest(
            model=target.model,
            messages=tuple(prompt.render(case)),
            temperature=target.temperature,
            max_tokens=target.max_tokens,
            params=target.params,
        ).content_key()
        for prompt in Cells(database, row.id).prompts()
    ]


def _inputs(runs: Any, row: "RunRow") -> dict[str, list[str]]:
    from promptopt.domain.dataset import SPLITS

    cases = (case for split in SPLITS for case in runs.cases(row.id, split))
    return {case.id: list(case.inputs.values()) for case in cases}


def _tell(found: Iterable["TracedCall"], row: "RunRow", which: _Which, *, json: bool) -> None:
    number, more = 0, False
    shown: Iterable[TracedCall] = found
    if which.limit:
        calls = list(found)
        more = len(calls) > which.limit
        shown = calls[-which.limit :]
    for call in shown:
        if not json and not which.full and number % 1000 == 0:
            say(_HEADER)
        number += 1
        if json:
            emit(_as_json(call, full=which.full))
        else:
            say(_line(call))
            if which.full:
                say(_whole(call))
    if not number:
        note(f"run {row.id} has no such call")
    if more:
        note(f"the newest {number:,} calls; --limit 0 shows all")
    if row.simulated and number:
        note("simulated models answered")


def _as_json(call: "TracedCall", *, full: bool) -> dict[str, Any]:
    import json

    shown = asdict(call)
    request = shown.pop("request")
    if full:
        shown["request"] = json.loads(request) if request else None
    return shown


_WIDTHS = (14, 9, 24, 9, 7, 8, 10, 16)
_HEADS = ("time", "role", "model", "status", "seconds", "tokens", "USD", "case or path")


def _row(cells: Iterable[str], last: str) -> str:
    from rich.cells import set_cell_size

    parts = [set_cell_size(one_line(cell, 60), width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    return "  ".join([*parts, last]).rstrip()


_HEADER = "  ".join([*(head.ljust(width) for head, width in zip(_HEADS, _WIDTHS, strict=True)), "answer"])


def _line(call: "TracedCall") -> str:
    status = "reused" if call.reused_from else call.status
    said = f"from run {call.reused_from}: " if call.reused_from else ""
    cells = (
        time.strftime("%m-%d %H:%M:%S", time.localtime(call.at)),
        call.role,
        call.model,
        status,
        "" if call.seconds is None else f"{call.seconds:.2f}",
        f"{call.tokens:,}",
        "unknown" if call.usd is None else f"{call.usd:.6f}",
        call.case_id or call.path,
    )
    return _row(cells, said + one_line(call.error or call.answer or "", 120))


def _whole(call: "TracedCall") -> str:
    from promptopt.store.trace import messages_of

    parts = [(f"[{message['role']}]", message["content"]) for message in messages_of(call)]
    parts += [("[answer]", call.answer)] if call.answer is not None else [("[error]", call.error)]
    blocks = (f"  {head}\n" + "\n".join(f"    {line}" for line in body.splitlines()) for head, body in parts)
    return "\n".join(blocks) + "\n"
