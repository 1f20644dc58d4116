"""What is said of a run when following it ends, and the exit status that goes with it."""

import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from promptopt.cli.made import made_lines
from promptopt.cli.output import counted, emit, note, number, points, say
from promptopt.cli.spreads import in_short, likely
from promptopt.cli.standings import standings
from promptopt.cli.trials import trial_lines
from promptopt.domain.text import one_line
from promptopt.runs.summary import summarize
from promptopt.store.database import Database
from promptopt.store.home import LITTLE_ROOM, home, room
from promptopt.store.runs import RunRow, Runs

if TYPE_CHECKING:
    from promptopt.cli.follow import Followed
    from promptopt.runs.diagnosis import Finding
    from promptopt.runs.state import RunState

LEFT = 128 + signal.SIGINT
WAITS = 4
AGAIN = "then it goes on, and nothing is paid twice: promptopt resume"
LOG_TAIL = 15
"""Lines of a dead worker's log that are shown."""
MUST_PASS_CHARS = 400
"""Most characters that the names of broken cases take; ``--json`` has them all."""


def summary_of(state: "RunState", row: RunRow) -> dict[str, Any]:
    """The summary of a run, with what its row knows better: a death, and a run that said nothing yet."""
    summary = summarize(state)
    summary |= {"run_id": row.id, "project": row.project, "simulated": row.simulated}
    if row.status == "interrupted":
        summary["status"] = "interrupted"
    return summary


def conclude(database: Database, run_id: str, followed: "Followed", *, json: bool) -> int:
    """Say how it ended; returns the exit status."""
    row = Runs(database).find(run_id)
    summary = summary_of(followed.state, row)
    if followed.end == "died":
        summary["status"] = "interrupted"
        report_death(run_id)
    if json:
        emit(summary)
    elif followed.end not in ("left", "waits"):
        say()
        for line in lines(summary):
            say(line)
    if followed.end == "waits":
        say_waits(run_id, followed)
        return WAITS
    if followed.state.status == "failed" and followed.state.resumable:
        note(f"what lies outside of the run (a key, an endpoint, a disk) can be mended; {AGAIN} {run_id}")
        note("its prompt, settings and cases are frozen: what is wrong with those needs a new run")
    finished = followed.state.finished
    if followed.state.optimizer == "generate" and finished and finished.stop_reason == "budget":
        note(f"under a higher cap it goes on where it was: promptopt resume {run_id} --limit usd=5")
    if followed.end == "left":
        note(f"left; the run goes on. promptopt attach {run_id} follows it, promptopt stop {run_id} ends it.")
        return LEFT
    return 1 if followed.end == "died" or followed.state.status == "failed" else 0


def unfinished(run_id: str, followed: "Followed") -> int | None:
    """Say of a run that waits, or that was left, how it goes on; returns the exit status, None if neither."""
    if followed.end == "waits":
        say_waits(run_id, followed)
        return WAITS
    if followed.end == "left":
        note(f"left; the run goes on. promptopt attach {run_id} follows it.")
        return LEFT
    return None


def say_waits(run_id: str, followed: "Followed") -> None:
    """Say that a run paused itself, why, and how to go on."""
    finished = followed.state.finished
    if finished is None:
        note(f"the run has paused itself and waits: {followed.state.pause_reason}")
        note(f"mend that, then: promptopt resume {run_id}; or end it: promptopt stop {run_id}")
        return
    note(f"the run paused itself: {finished.detail}")
    note(f"nobody is there to wait for, so it has ended. Mend that, then: promptopt resume {run_id}")


def report_death(run_id: str) -> None:
    """Say that a run's worker is gone, what it said last, and how to go on."""
    path = home() / "logs" / f"{run_id}.log"
    try:
        tail = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL:]
    except OSError:
        tail = []
    note(f"the worker of run {run_id} is gone. Its log: {path}")
    for line in tail:
        note(f"  | {line[:500]}")
    kept = "nothing that was answered is lost"
    if room(home()) < LITTLE_ROOM:
        note(f"the disk of the data directory {home()} is full: make room there first")
        kept = "answers of the last moments may not have been kept"
    note(f"{kept}; to go on: promptopt resume {run_id}")


def lines(summary: dict[str, Any]) -> list[str]:
    """A summary for people."""
    simulated = " (simulated)" if summary["simulated"] else ""
    why = f" ({summary['stop_reason']})" if summary["stop_reason"] else ""
    detail = f": {summary['detail']}" if summary["detail"] else ""
    shown = [
        f"run {summary['run_id']} of {one_line(summary['project'], 60)}: {summary['status']}{why}{detail}"
    ]
    if summary["tournament"]:
        shown += [f"  {line}" if line else "" for line in standings(summary["tournament"], simulated)]
    if summary["generation"]:
        return (
            shown
            + [f"  {line}" for line in made_lines(summary["generation"], simulated)]
            + _money(summary, simulated)
        )
    seed, best = summary["seed"], summary["best"]
    if summary["optimizer"] == "tournament":
        return shown + _money(summary, simulated)
    only_scored = summary["stop_reason"] == "scored"
    splits = ("train", "validation", "test") if only_scored else ("validation", "test")
    if seed:
        shown.append(f"  {'prompt' if only_scored else 'seed'} {_scores(seed, splits)}{simulated}")
    if best and seed and best["candidate_id"] != seed["candidate_id"]:
        shown.append(f"  best {_scores(best, splits)}{simulated}")
    elif best and best["validation"] and not only_scored:
        shown.append("  best the seed prompt itself")
    shown += _verdict(summary, simulated)
    if summary["trials"]:
        shown += [f"  {line}" for line in trial_lines(summary["trials"], simulated)]
    shown += _money(summary, simulated)
    if summary["forecast"]:
        shown.append(f"  forecast {in_short(summary['forecast'])}{simulated}")
    return shown + _by_role(summary, simulated)


def _by_role(summary: dict[str, Any], simulated: str) -> list[str]:
    """What each model took, beside what was foretold of it."""
    spent: dict[str, dict[str, Any]] = summary["roles"]
    foretold: dict[str, dict[str, Any]] = summary["forecast"]["roles"] if summary["forecast"] else {}
    shown: list[str] = []
    for role, took in spent.items() if len(spent) > 1 else ():
        cost = "an unknown price" if took["cost_usd"] is None else f"${number(took['cost_usd'], '.4f')}"
        line = f"    {role}: {counted(took['calls'], 'call')}, {took['tokens']} tokens, {cost}"
        if role in foretold:
            line += f"; forecast {likely(foretold[role])}"
        shown.append(line + simulated)
    return shown


def _scores(candidate: dict[str, Any], splits: Sequence[str]) -> str:
    parts = [str(candidate["candidate_id"])]
    if candidate["demonstrations"]:
        parts.append(f"with {counted(len(candidate['demonstrations']), 'demonstration')}")
    for split in splits:
        score = candidate[split]
        if score and not score["n"]:
            parts.append(f"{split} –")
        elif score:
            errors = f", {counted(score['errors'], 'error')}" if score["errors"] else ""
            parts.append(
                f"{split} {score['score']:.1%} [{score['low']:.1%}, {score['high']:.1%}], "
                f"{score['passed']}/{score['n']} pass{errors}"
            )
    return "  ".join(parts)


def _verdict(summary: dict[str, Any], simulated: str) -> list[str]:
    comparison = summary["comparison"]
    if comparison is None:
        return [f"  sealed test: {summary['test_note']}"] if summary["test_note"] else []
    return [
        f"  sealed test: best is {comparison['verdict']} than seed"
        if comparison["verdict"] != "not distinguishable"
        else "  sealed test: best and seed are not distinguishable",
        *(f"    {line}" for line in comparison_lines(comparison, simulated)),
        *([f"  {summary['test_note']}"] if summary["test_note"] else []),
        *_broken_must_pass(summary["must_pass_broken"]),
    ]


def _broken_must_pass(cases: list[str]) -> list[str]:
    """The cases that must pass and that the best prompt breaks, which the search could not see."""
    if not cases:
        return []
    named = one_line(", ".join(cases), MUST_PASS_CHARS)
    return [f"  the best prompt breaks {counted(len(cases), 'case')} of the test that must pass: {named}"]


def comparison_lines(comparison: dict[str, Any], simulated: str = "") -> list[str]:
    """The figures of a comparison (see ``runs.summary.comparison_summary``) for people."""
    from promptopt.domain.results import EFFECTS, correction, signed
    from promptopt.evaluation.effects import effect_size

    low, high = comparison["interval"]
    adjusted = comparison["p_adjusted"]
    corrected = "" if adjusted is None else f", corrected {adjusted:.4g}"
    sizes = [
        f"{EFFECTS[name]} {signed(value)} ({effect_size(name, value)})"
        for name, value in comparison["effects"].items()
    ]
    if comparison["wilcoxon"] is not None:
        sizes.append(f"Wilcoxon p = {comparison['wilcoxon']:.4g}")
    shown = [
        f"difference {points(comparison['difference'], low, high)} on {comparison['n']} cases, "
        f"p = {comparison['p_value']:.4g}{corrected}, {comparison['method']}{simulated}"
    ]
    if correction(comparison["together"]):
        shown.append(correction(comparison["together"]))
    if sizes:
        shown.append(f"effect size {', '.join(sizes)}")
    fixed, broken = len(comparison["fixed"]), len(comparison["broken"])
    shown.append(f"{fixed} case{'s' * (fixed != 1)} fixed, {broken} broken")
    return shown


def diagnosis_lines(findings: "Sequence[Finding]", simulated: str = "") -> list[str]:
    """Why there is no proven gain, for people; nothing if there is one."""
    shown = [f"  why there is no proven gain{simulated}:"] if findings else []
    for each in findings:
        shown += [
            f"    {one_line(each.what)}: {one_line(each.why)}{simulated}",
            f"      → {one_line(each.fix)}",
        ]
    return shown


def failure_lines(failures: dict[str, Any], simulated: str = "") -> list[str]:
    """What fails alike (see ``runs.summary.failures_of``) for people."""
    total = sum(failures["categories"].values())
    shown = [f"what fails alike, of {counted(total, 'failed ' + failures['split'] + ' case')}{simulated}:"]
    for cluster in failures["clusters"]:
        detail = f": {one_line(cluster['detail'], 120)}" if cluster["detail"] else ""
        near = f"; {one_line(cluster['contrast_id'], 40)} passes" if cluster["contrast_id"] else ""
        case = one_line(cluster["case_id"], 40)
        shown.append(f"  {cluster['count']}× {one_line(cluster['category'], 60)}{detail} (like {case}{near})")
    rest = total - sum(cluster["count"] for cluster in failures["clusters"])
    return [*shown, f"  and {rest} more, each kind rarer"] if rest else shown


def withheld_lines(withheld: dict[str, Any]) -> list[str]:
    """What the project's policy has kept from the models."""
    from promptopt.domain.pii.finding import withheld_in_words

    told = withheld_in_words(withheld["redacted"], withheld["calls"], withheld["refused"])
    return [f"  {label}: {words}" for label, words in told]


def _money(summary: dict[str, Any], simulated: str) -> list[str]:
    cost = "an unknown price" if summary["cost_usd"] is None else f"${number(summary['cost_usd'], '.4f')}"
    replayed = f", {summary['replayed']} more replayed free" if summary["replayed"] else ""
    calls = counted(summary["calls"], "call")
    shown = [f"  spent {cost}: {calls}, {summary['tokens']} tokens{replayed}{simulated}"]
    for source, number_of in summary["reused"].items():
        shown.append(f"  reused from run {source}, free: {counted(number_of, 'answer')}{simulated}")
    shown += withheld_lines(summary["withheld"])
    uncertain = summary["uncertain"]
    if any(uncertain.values()):
        calls = f"{counted(uncertain['calls'], 'call')}, " if uncertain["calls"] else ""
        most = f"at most ${uncertain['usd']:.4f} and {uncertain['tokens']} tokens"
        shown.append(f"  uncertain, beside that: {calls}{most}, for answers that never came{simulated}")
    return shown
