"""monitor: whether a prompt in use still does what its test has shown."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.output import complain, emit, note, say, table
from promptopt.domain.errors import PromptoptError, SettingsError
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.cli.follow import Followed
    from promptopt.enterprise.deployment.recording import Deployment
    from promptopt.enterprise.monitoring.looks import Look
    from promptopt.enterprise.monitoring.watching import Begun, Fresh
    from promptopt.enterprise.monitoring.webhook import Told
    from promptopt.store.database import Database

STATUS = {"holds": 0, "has fallen": 1, "can't tell": 2}
NOT_MEASURED = 3
NOT_TOLD = 10
"""Added to the status of the verdict if the webhook could not be told."""

FAILED_CHARS = 300

DeploymentArgument = Annotated[
    str, Parameter(name="DEPLOYMENT", help="its id, a part of it, its name, latest, or a deployment.json.")
]


@Parameter(name="*")
@dataclass(frozen=True)
class Telling:
    """Whom to tell.

    Attributes:
        webhook: address that gets the verdict as JSON by POST, with a text for Slack; a secret, never shown.
        webhook_cases: with the texts of the first failed cases.
        html: file to write the history to, as one page.
        json: print one JSON object at the end, and nothing else.
    """

    webhook: Annotated[str | None, Parameter(env_var="PROMPTOPT_WEBHOOK", show_env_var=True)] = None
    webhook_cases: bool = False
    html: Path | None = None
    json: bool = False


NOBODY = Telling()


@Parameter(name="*")
@dataclass(frozen=True)
class Asked:
    """What is scored, and how.

    Attributes:
        cases: file of fresh cases with the right answers: CSV, JSON, JSON Lines, YAML, Parquet.
        threshold: fall of the score that does not matter, as a share: 0.05 is five points.
        max_usd: cap on this evaluation in USD, in place of the project's.
        again: ask anew, also if the same cases were scored before.
        trust: you have looked at the deployment's code and endpoints, and trust them from now on.
        usage: a usage log, of which is told how many people use the prompt.
        called: what the log calls the prompt, where that is neither its name nor an id of it.
    """

    cases: Path | None = None
    threshold: Annotated[float, Parameter(validator=Number(gte=0, lt=1))] = 0.05
    max_usd: Annotated[float | None, Parameter(validator=Number(gt=0, lt=float("inf")))] = None
    again: bool = False
    trust: bool = False
    usage: Path | None = None
    called: tuple[str, ...] = ()


NOTHING = Asked()


def monitor(
    reference: DeploymentArgument = "latest",
    /,
    *,
    asked: Asked = NOTHING,
    history: bool = False,
    telling: Telling = NOBODY,
) -> int:
    """Score a deployed prompt on fresh cases, and say whether its test figure holds.

    It is an ordinary evaluation: budget, journal and resuming are those of a run. The same cases again cost
    nothing and say the same; killed in the middle, the same line goes on.

    Exit status: 0 it holds; 1 it has fallen; 2 can't tell, too few cases; 3 nothing was measured; 4 the model
    answers no call any more; 10 more if the webhook could not be told (10, 11, 12).

    Args:
        history: only tell what was found so far; sends nothing.
    """
    from promptopt.store.database import Database

    try:
        if telling.webhook is not None:
            from promptopt.enterprise.monitoring.webhook import check_address

            check_address(telling.webhook)
        with closing(Database.open()) as database:
            from promptopt.enterprise.deployment.recording import found

            deployment = found(database, reference)
            if history or (asked.cases is None and telling.html is not None):
                return _history(database, deployment, telling)
            if asked.cases is None:
                raise SettingsError("no fresh cases are given", fix="name their file: --cases fresh.csv")
            return _monitor(database, deployment, asked.cases, asked, telling)
    except PromptoptError as error:
        complain(str(error))
        return NOT_MEASURED


def _monitor(
    database: "Database", deployment: "Deployment", cases: Path, asked: Asked, telling: Telling
) -> int:
    from promptopt.cli.trusting import with_trust
    from promptopt.enterprise.monitoring import watching

    adopted = _adoption(deployment, asked.usage, asked.called)
    fresh = watching.read_fresh(deployment, cases)
    for notice in fresh.notices:
        note(f"note: {notice}")

    def begin() -> "Begun":
        return with_trust(
            lambda trusted: watching.begin(
                database, deployment, fresh, again=asked.again, max_usd=asked.max_usd, trusted=trusted
            ),
            trusted=asked.trust,
            quiet=telling.json,
        )

    begun = begin()
    look = begun.told
    if look is None:
        followed = _followed(database, begun, telling)
        if followed.end == "died" and not begun.work:  # it was another's worker, and is seen to be gone now
            begun = begin()
            followed = _followed(database, begun, telling)
        look = watching.conclude(database, deployment, begun.row, fresh, asked.threshold)
        if look is None:
            return _not_measured(deployment, begun, followed, telling)
    else:
        note("note: these cases were scored before; nothing is sent. --again asks anew")
        if look.fall.margin != asked.threshold:
            look = watching.conclude(database, deployment, begun.row, fresh, asked.threshold) or look
    return _told(database, deployment, look, fresh, adopted, telling)


def _followed(database: "Database", begun: "Begun", telling: Telling) -> "Followed":
    """Carry the run of a look out, or follow who does."""
    from promptopt.cli.follow import Interruptions, PlainLines, follow, silent
    from promptopt.runs.launch import start_worker
    from promptopt.store.runlog import RunLog

    run_id = begun.row.eval_run
    before = RunLog(database, run_id).length() if begun.work else 0
    worker = start_worker(run_id) if begun.work else None
    with Interruptions(database, run_id, stop_first=True, sealed_test=False) as interruptions:
        show = silent if telling.json else PlainLines(before)
        return follow(
            database,
            run_id,
            show,
            worker=worker,
            began_after=before,
            quiet=before,
            unattended=True,
            leave=interruptions.leave,
        )


def _not_measured(deployment: "Deployment", begun: "Begun", followed: "Followed", telling: Telling) -> int:
    """Say why there is nothing to look at; the exit status."""
    from promptopt.cli.outcome import report_death, unfinished

    run_id = begun.row.eval_run
    if followed.end == "died":
        report_death(run_id)
    status, finished = unfinished(run_id, followed), followed.state.finished
    why = (finished.detail or finished.stop_reason) if finished else "its worker is gone"
    if status is None:
        note(f"nothing was measured: {why}")
        note("what was answered is kept; the same line goes on, and pays for nothing twice")
    if telling.json:
        emit(
            {
                "deployment_id": deployment.id,
                "run_id": run_id,
                "verdict": None,
                "status": "not measured",
                "why": why,
            }
        )
    return NOT_MEASURED if status is None else status


def _told(
    database: "Database",
    deployment: "Deployment",
    look: "Look",
    fresh: "Fresh",
    adopted: dict[str, Any] | None,
    telling: Telling,
) -> int:
    """Say what was found, and tell the webhook; returns the exit status."""
    status = STATUS[look.verdict]
    told = _post(deployment, look, fresh, telling)
    if told is not None and not told.sent:
        status += NOT_TOLD
        note(f"the webhook at {told.host} was not told: {told.detail}, {told.attempts} attempts")
    if telling.html is not None:
        _write_page(database, deployment, telling.html)
    if telling.json:
        emit(_summary(deployment, look) | {"exit_status": status, "webhook": _of(told), "usage": adopted})
        return status
    for line in _lines(deployment, look):
        say(line)
    for line in (adopted or {}).get("lines", ()):
        say(f"  {line}")
    if told is not None and told.sent:
        note(f"told {told.host}")
    return status


def _post(deployment: "Deployment", look: "Look", fresh: "Fresh", telling: Telling) -> "Told | None":
    if telling.webhook is None:
        return None
    from promptopt.enterprise.monitoring.webhook import message, post

    failed: Mapping[str, str] | None = None
    if telling.webhook_cases:
        texts = {one_line(case.id, 60): case.input_text for case in fresh.cases}
        failed = {key: one_line(texts.get(key, ""), FAILED_CHARS) for key in look.failed}
    return post(telling.webhook, message(deployment, look, failed))


def _of(told: "Told | None") -> dict[str, Any] | None:
    return vars(told) if told else None


def _summary(deployment: "Deployment", look: "Look") -> dict[str, Any]:
    figure = deployment.figure
    return {
        "deployment_id": deployment.id,
        "name": deployment.name,
        **look.as_json(),
        "test": {
            "score": figure.score,
            "low": figure.low,
            "high": figure.high,
            "n": figure.n,
            "split": figure.split,
        },
        "shifted": [one.what for one in look.shifted],
    }


def _lines(deployment: "Deployment", look: "Look") -> list[str]:
    label = " (simulated)" if look.simulated else ""
    figure, fall = deployment.figure, look.fall
    shown = [
        f"\n{one_line(deployment.name, 80)}: {look.verdict}{label}",
        f"  {look.reason}",
        f"  test   {figure.score:.1%} [{figure.low:.1%}, {figure.high:.1%}], {figure.n} cases, "
        f"{figure.source}",
        f"  fresh  {look.score:.1%} [{look.low:.1%}, {look.high:.1%}], {look.passed} of {look.cases} pass"
        + (f", {look.errors} without an answer" if look.errors else "")
        + f", run {look.run_id}",
        f"  difference {-fall.fall * 100:+z.1f} points; at least {-fall.high * 100:+z.1f} and at most "
        f"{-fall.low * 100:+z.1f}, each with 95 % confidence",
    ]
    shown += [f"  running sum over the looks {look.height:.1f} of {_alarm():.1f}"] if look.n > 1 else []
    for name, count in look.categories.items():
        shown.append(f"  {count:5}  {name}{'  (new: the test had none)' if name in look.new else ''}")
    for one in look.shifted:
        shown.append(
            f"  inputs have shifted: {one.what}, {one_line(one.then, 80)} then, {one_line(one.now, 80)} now "
            f"(p = {one.p_adjusted:.2g})"
        )
    for split, count in look.known.items():
        shown.append(f"  not fresh: {count} cases were {split} cases of the run")
    return shown


def _alarm() -> float:
    from promptopt.evaluation.falls import ALARM

    return ALARM


def _history(database: "Database", deployment: "Deployment", telling: Telling) -> int:
    """Tell what was found so far; the exit status is that of the last look."""
    from promptopt.enterprise.monitoring.looks import history_of
    from promptopt.store.deployments import Deployments

    looks = history_of(Deployments(database).history(deployment.id))
    if telling.html is not None:
        _write_page(database, deployment, telling.html)
    status = STATUS[looks[-1].verdict] if looks else STATUS["can't tell"]
    if telling.json:
        emit([_summary(deployment, look) for look in looks])
        return status
    label = " (simulated)" if deployment.simulated else ""
    say(f"{one_line(deployment.name, 80)}, test {deployment.figure}")
    if not looks:
        say("nobody has looked yet")
        return status
    rows = [_history_row(look) for look in looks]
    for line in table(("#", "day", f"score{label}", "cases", "verdict", "shifted", "new failures"), rows):
        say(line)
    return status


def _history_row(look: "Look") -> list[str]:
    from promptopt.domain.figures import date

    return [
        str(look.n),
        date(look.at),
        f"{look.score:.1%} [{look.low:.1%}, {look.high:.1%}]",
        str(look.cases),
        look.verdict,
        ", ".join(one.what for one in look.shifted) or "–",
        ", ".join(look.new) or "–",
    ]


def _write_page(database: "Database", deployment: "Deployment", path: Path) -> None:
    from promptopt.enterprise.monitoring.dashboard import dashboard
    from promptopt.enterprise.monitoring.looks import history_of
    from promptopt.store.deployments import Deployments

    text = dashboard(deployment, history_of(Deployments(database).history(deployment.id)))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"the file can't be written: {error.strerror}", where=str(path)) from error
    note(f"written: {path}")


def _adoption(deployment: "Deployment", usage: Path | None, called: Sequence[str]) -> dict[str, Any] | None:
    """What a usage log says; read before anything is sent, so that a bad one costs nothing."""
    if usage is None:
        return None
    from promptopt.enterprise.adoption.metrics import adoption_of
    from promptopt.enterprise.adoption.usage import read_usage

    names = [deployment.row.prompt_id, deployment.id, deployment.name, *called]
    found = adoption_of(read_usage(usage), deployed=names)
    for notice in found.notices:
        note(f"note: {notice}")
    return found.as_json() | {"lines": found.lines()}
