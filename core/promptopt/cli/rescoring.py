"""rescore: an exported prompt, scored again."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from promptopt.cli.output import emit, note, points, say

if TYPE_CHECKING:
    from promptopt.runs.rescoring import Scored
    from promptopt.store.database import Database

Split = Literal["train", "validation", "test"]

AssetArgument = Annotated[
    str, Parameter(name="ASSET", help="a file that export wrote, RUN (its best prompt) or RUN:CANDIDATE.")
]


def rescore(
    asset: AssetArgument = "latest",
    /,
    *,
    run: str | None = None,
    split: Split | None = None,
    trust: bool = False,
    json: bool = False,
) -> int:
    """Score an exported prompt again, and say whether its figure holds.

    The prompt is read back from the file, found byte for byte among those that a run scored, and sent again
    on the same cases, with that run's frozen settings, checks and caps. No earlier answer is used: this
    costs what scoring these cases costs. It counts as a run, and is listed as one.

    Args:
        run: the run that the file was exported from, where the file does not say so itself.
        split: the cases; without it those of the sealed test if it was scored there, else validation.
        trust: you have looked at the run's code and endpoints, and trust them from now on.
        json: print one JSON object at the end, and nothing else.
    """
    from promptopt.cli.follow import Interruptions, PlainLines, follow, silent
    from promptopt.cli.trusting import with_trust
    from promptopt.runs.launch import start_worker
    from promptopt.runs.rescoring import again, again_summary
    from promptopt.runs.rescoring import rescore as make_run
    from promptopt.store.database import Database

    with closing(Database.open()) as database:
        scored = _find(database, asset, run, split)
        origin = f"prompt {scored.prompt.id} of run {scored.row.id}"
        if not json:
            note(f"the asset is {origin}, byte for byte; scoring it again on {scored.split}")
        run_id = with_trust(
            lambda trusted: make_run(database, scored, trusted=trusted), trusted=trust, quiet=json
        )
        worker = start_worker(run_id)
        with Interruptions(database, run_id, stop_first=True, sealed_test=False) as interruptions:
            show = silent if json else PlainLines()
            followed = follow(
                database, run_id, show, worker=worker, unattended=True, leave=interruptions.leave
            )
        found = again(database, scored, run_id) if followed.end == "over" else None
        about: dict[str, Any] = {
            "run_id": run_id,
            "asset": asset,
            "scored_in": scored.row.id,
            "prompt_id": scored.prompt.id,
            "simulated": scored.row.simulated,
        }
        if found is None:
            return _without_a_figure(database, run_id, followed, about, json=json)
        summary = {**about, "status": followed.state.status, **again_summary(found)}
    if json:
        emit(summary)
    else:
        for line in _report(summary):
            say(line)
    return 0 if found.holds else 1


def _find(database: "Database", asset: str, run: str | None, split: Split | None) -> "Scored":
    from promptopt.cli.comparing import is_file
    from promptopt.cli.steering import read_prompt
    from promptopt.runs.rescoring import prompt_in_file, scored_prompt
    from promptopt.store.runs import Runs

    if is_file(asset):
        row, prompt_id = prompt_in_file(database, read_prompt(Path(asset)), asset, run)
        return scored_prompt(database, row, prompt_id, split)
    reference, _, candidate = asset.partition(":")
    return scored_prompt(database, Runs(database).find(reference), candidate or None, split)


def _without_a_figure(
    database: "Database", run_id: str, followed: Any, about: dict[str, Any], *, json: bool
) -> int:
    """Say why there is no new figure; returns the exit status."""
    from promptopt.cli.outcome import report_death, unfinished

    if followed.end == "died":
        report_death(run_id)
    if json:
        status = "interrupted" if followed.end == "died" else followed.state.status
        emit({**about, "status": status, "before": None, "after": None, "holds": None})
    exit_status = unfinished(run_id, followed)
    if exit_status is not None:
        return exit_status
    finished = followed.state.finished
    if finished is not None:
        note(f"there is no new figure: {finished.detail or finished.stop_reason}")
    return 1


def _report(summary: dict[str, Any]) -> list[str]:
    """What came out, for people."""
    simulated = " (simulated)" if summary["simulated"] else ""
    word = "holds" if summary["holds"] else "does not hold"
    if summary["verdict"] == "better":
        word = "holds, and is better now"
    shown = [f"\nthe figure {word}: prompt {summary['prompt_id']} on {summary['split']}{simulated}"]
    for label, key, run in (("then", "before", "scored_in"), ("now", "after", "run_id")):
        score = summary[key]
        shown.append(
            f"  {label:4} {score['score']:.1%} [{score['low']:.1%}, {score['high']:.1%}]  run {summary[run]}"
        )
    low, high = summary["interval"]
    fixed, broken = len(summary["fixed"]), len(summary["broken"])
    shown.append(
        f"  difference {points(summary['difference'], low, high)} on {summary['n']} cases, "
        f"p = {summary['p_value']:.4g}, {summary['method']}; {fixed} pass now that failed, {broken} fail now"
    )
    return shown
