"""adoption: who uses a prompt, from a usage log; and the report of a month."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.output import emit, note, say
from promptopt.domain.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptopt.enterprise.adoption.usage import UsageLog

UsageArgument = Annotated[
    Path, Parameter(name="USAGE", help="a log of uses: CSV, TSV, JSON, JSON Lines, YAML, Parquet.")
]


@Parameter(name="*")
@dataclass(frozen=True)
class Reading:
    """How the log is read.

    Attributes:
        column: which column is what, where its name does not tell: user=agent; may be given several times.
        team_size: people who could use it; or of a team, as support=12, several times.
        called: what the log calls the deployed prompt, where that is neither its name nor an id of it; may be
            given several times.
    """

    column: tuple[str, ...] = ()
    team_size: tuple[str, ...] = ()
    called: tuple[str, ...] = ()


@Parameter(name="*")
@dataclass(frozen=True)
class Report:
    """The report of a month.

    Attributes:
        month: as 2026-11; without it, that of the last use.
        out: folder to write the report to, as Markdown, HTML and JSON; needs --deployment.
        assumptions: TOML or YAML file of assumptions, as promptopt report --save-assumptions writes one.
        scenario: whose assumptions are taken for what the file leaves out.
    """

    month: str = ""
    out: Path | None = None
    assumptions: Path | None = None
    scenario: str = ""


PLAIN = Reading()
NO_REPORT = Report()


def adoption(
    usage: UsageArgument,
    /,
    *,
    deployment: str | None = None,
    reading: Reading = PLAIN,
    report: Report = NO_REPORT,
    json: bool = False,
) -> None:
    """Tell how many people use a prompt, whether they stay, and what they do with its answers.

    Columns are known by their names: timestamp, user, and if there are team, prompt or version, seconds,
    rating, accepted, edited. Bad lines, those with a time to come among them, are told by number and left
    out; a line that is there twice counts once. Nobody is named in what is told.
    With --out the report of a month is written: uses, monitoring, and what both are worth, as ranges.

    Args:
        deployment: whose prompt it is: its id, a part of it, its name, or latest.
        json: print one JSON object.
    """
    from promptopt.enterprise.adoption.metrics import adoption_of
    from promptopt.enterprise.adoption.usage import read_usage
    from promptopt.enterprise.deployment.recording import found
    from promptopt.store.database import Database

    log = read_usage(usage, _columns(reading.column))
    sizes, size = team_sizes(reading.team_size)
    if report.out is not None:
        _report(log, deployment, sizes, size, report, reading.called, json=json)
        return
    names: list[str] = []
    if deployment is not None:
        with closing(Database.open()) as database:
            one = found(database, deployment)
        names = [one.row.prompt_id, one.id, one.name]
    names += reading.called
    metrics = adoption_of(log, sizes=sizes, size=size, deployed=names)
    if json:
        emit(metrics.as_json())
        return
    for notice in metrics.notices:
        note(f"note: {notice}")
    for line in metrics.lines():
        say(line)
    for week in metrics.weeks[-12:]:
        say(f"  {week.week}  {week.uses:6,} uses  {week.users:4} people")


def _report(
    log: "UsageLog",
    deployment: str | None,
    sizes: dict[str, int],
    size: int | None,
    report: Report,
    called: "Sequence[str]",
    *,
    json: bool,
) -> None:
    from promptopt.enterprise.adoption.monthly import monthly_report
    from promptopt.enterprise.case.assumptions import GENERAL, Assumptions
    from promptopt.enterprise.deployment.recording import found
    from promptopt.enterprise.monitoring.looks import history_of
    from promptopt.store.database import Database
    from promptopt.store.deployments import Deployments

    if deployment is None or report.out is None:
        raise SettingsError("the report of a month is about a deployment", fix="name it: --deployment latest")
    assumed = Assumptions.of(report.scenario or GENERAL)
    if report.assumptions is not None:
        assumed = Assumptions.load(report.assumptions, report.scenario)
    with closing(Database.open()) as database:
        one = found(database, deployment)
        looks = history_of(Deployments(database).history(one.id))
    made = monthly_report(
        one, log, looks, report.month, assumptions=assumed, sizes=sizes, size=size, called=called
    )
    files = made.write(report.out)
    if json:
        emit(made.as_json() | {"files": [str(path) for path in files]})
        return
    for notice in made.notes:
        note(f"note: {notice}")
    for line in made.recommendations:
        say(line)
    if made.net_benefit is not None:
        say(f"net benefit of {made.month}, without the set-up: {made.net_benefit}")
    for path in files:
        note(f"written: {path}")


def _columns(given: "Sequence[str]") -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        what, equals, column = one.partition("=")
        if not equals or not column:
            raise SettingsError(f"found {one!r}, expected WHAT=COLUMN, as in user=agent", where="--column")
        found[what.strip()] = column
    return found


def team_sizes(given: "Sequence[str]") -> tuple[dict[str, int], int | None]:
    """Sizes by team, and that of all if it was given."""
    sizes: dict[str, int] = {}
    whole: int | None = None
    for one in given:
        team, equals, number = one.rpartition("=")
        if not number.strip().isdecimal() or int(number) < 1:
            raise SettingsError(
                f"found {one!r}, expected a number of people, or TEAM=NUMBER", where="--team-size"
            )
        if equals:
            sizes[team] = int(number)
        else:
            whole = int(number)
    return sizes, whole
