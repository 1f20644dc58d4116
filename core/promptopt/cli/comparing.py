"""compare: prompts against each other, on the cases that were scored."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from promptopt.cli.output import emit, note, say
from promptopt.domain.errors import SettingsError

if TYPE_CHECKING:
    from promptopt.runs.compared import Side
    from promptopt.runs.scoreboard import Scoreboard
    from promptopt.store.database import Database

NAMED = 8
"""Cases that are named of those fixed and of those broken."""

Wanted = Literal["train", "validation", "test", "all"]

PromptArgument = Annotated[
    str,
    Parameter(name="PROMPT", help="RUN (its best prompt), RUN:CANDIDATE, or a file with a scored prompt."),
]


def compare(
    base: Annotated[
        str, Parameter(name="BASE", help="what the others are compared with; named as they are.")
    ],
    prompt: PromptArgument,
    /,
    *others: PromptArgument,
    split: Wanted = "validation",
    diff: bool = False,
    json: bool = False,
) -> None:
    """Compare prompts on the cases that the store has of them; nothing is sent.

    CANDIDATE is an id or the beginning of it, seed, best, or #3 for that of iteration 3. With several
    prompts the p-values are corrected for their number (Holm), and the verdicts go by the corrected ones.
    Whole runs are also put side by side in a table: what each reached, what it cost, how it got there.

    Args:
        split: the cases to compare on; all takes those of every split.
        diff: show how the prompts differ, too.
        json: print one JSON object.
    """
    from promptopt.domain.dataset import SPLITS
    from promptopt.runs.compared import compare_sides, compared_summary
    from promptopt.store.database import Database

    with closing(Database.open()) as database:
        first, *rest = sides(database, [base, prompt, *others])
        compared = compare_sides(database, first, rest, SPLITS if split == "all" else (split,))
        board = side_by_side(database, [base, prompt, *others], split)
        diffs = [prompt_diff(database, first, side) for side in rest] if diff else []
    found: dict[str, Any] = {"split": split, **compared_summary(compared)}
    for each, text in zip(found["comparisons"], diffs, strict=False):
        each["diff"] = text
    if json:
        emit({**found, "runs": board_rows(board)})
        return
    for line in comparison_report(found):
        say(line)
    if board is not None:
        say_runs(board)
    for notice in compared.notices:
        note(f"note: {notice}")


def sides(database: "Database", references: Sequence[str]) -> "list[Side]":
    """What the references mean; a prompt file is looked for in the runs that the others name first.

    Raises:
        PromptoptError: a reference fits nothing.
    """
    from promptopt.cli.steering import read_prompt
    from promptopt.domain.prompt import Prompt
    from promptopt.runs.compared import side_of_prompt, side_of_run

    files = {reference for reference in references if is_file(reference)}
    named = {each: side_of_run(database, each) for each in references if each not in files}
    prefer = [side.row.id for side in named.values()]
    for each in files:
        text = read_prompt(Path(each))
        if not text.strip():
            raise SettingsError("the prompt is empty", where=each)
        named[each] = side_of_prompt(database, each, Prompt(text=text), prefer)
    return [named[each] for each in references]


def comparison_report(found: dict[str, Any]) -> list[str]:
    """A comparison (see ``runs.compared.compared_summary``) for people."""
    from promptopt.cli.outcome import comparison_lines

    simulated = " (simulated)" if found["simulated"] else ""
    base = found["base"]
    shown: list[str] = []
    for each in found["comparisons"]:
        than = "from" if each["verdict"] == "not distinguishable" else "than"
        shown.append(f"{each['prompt']} is {each['verdict']} {than} {base['prompt']} on {found['split']}")
        for name, side, score in (("base", base, each["base_score"]), ("this", each, each["score"])):
            shown.append(
                f"  {name} {side['candidate_id']} of run {side['run_id']}: {score['score']:.1%} "
                f"[{score['low']:.1%}, {score['high']:.1%}], {score['passed']}/{each['n']} pass{simulated}"
            )
        shown += [f"  {line}" for line in comparison_lines(each, simulated)]
        for what in ("fixed", "broken"):
            ids = each[what]
            more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
            if ids:
                shown.append(f"    {what}: {', '.join(ids[:NAMED])}{more}")
        if "diff" in each:
            shown += ["", each["diff"] or "  the prompts are the same, byte for byte", ""]
    return shown


def prompt_diff(database: "Database", base: "Side", other: "Side") -> str:
    """``other``, with its demonstrations, against ``base`` as a unified diff; empty if they are the same."""
    from difflib import unified_diff

    from promptopt.store.cells import Cells

    found = [Cells(database, side.row.id).prompt(side.prompt_id) for side in (base, other)]
    first, second = (prompt.in_words.splitlines() if prompt else [] for prompt in found)
    return "\n".join(unified_diff(first, second, base.label, other.label, lineterm=""))


def side_by_side(database: "Database", references: Sequence[str], split: Wanted) -> "Scoreboard | None":
    """Those of the references that are whole runs, as rows of one table; None if there are fewer than two."""
    from promptopt.runs.outcomes import outcome_of
    from promptopt.runs.scoreboard import Entry, scoreboard
    from promptopt.store.runs import Runs

    whole = [each for each in dict.fromkeys(references) if ":" not in each and not is_file(each)]
    if len(whole) < 2 or split == "all":
        return None
    rows = {each: Runs(database).find(each) for each in whole}
    entries = [
        Entry("runs side by side", f"{row.id} {row.optimizer}", 0, outcome_of(database, row, split))
        for row in rows.values()
    ]
    return scoreboard(entries, split)


def board_rows(board: "Scoreboard | None") -> list[dict[str, Any]]:
    """The rows of that table in JSON values."""
    from promptopt.experiments.tables import as_json

    return [] if board is None else as_json(board)["rows"]


def say_runs(board: "Scoreboard") -> None:
    """Print that table. A run's gain is on its own prompt to start from."""
    from promptopt.cli.output import table
    from promptopt.experiments.tables import HEADER, block, heading, less

    for dataset in board.datasets():
        say(f"\n{heading(board, dataset)}")
        for line in table(HEADER, block(board, dataset)):
            say(f"  {line}")
    say(
        "gain: points on the prompt that the run started from; ★ no other run scores as high for "
        + less(board)
    )


def is_file(reference: str) -> bool:
    """Whether a prompt is named by a file."""
    try:
        return Path(reference).expanduser().is_file()
    except (OSError, RuntimeError, ValueError):
        return False
