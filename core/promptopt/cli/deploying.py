"""deploy, deployments: giving a run's prompt to a team."""

from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import Parameter

from promptopt.cli.arguments import RunArgument
from promptopt.cli.output import emit, note, say, table
from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.enterprise.context import BusinessContext
    from promptopt.enterprise.deployment.criteria import Wishes
    from promptopt.enterprise.deployment.deploying import Deployed
    from promptopt.store.runs import RunRow, Runs

Strategy = Literal["gradual", "pilot", "all_at_once"]


@Parameter(name="*")
@dataclass(frozen=True)
class Rollout:
    """How it is rolled out.

    Attributes:
        team: a team that gets it; may be given several times, in the order of the roll-out.
        strategy: gradual (a pilot, then more, then all), pilot (and no more), or all_at_once.
        start: first day, as 2026-12-01; without it, next Monday.
        owner: who answers for the prompt.
        company: a file that tells of the company, its rules and its teams.
    """

    team: tuple[str, ...] = ()
    strategy: Strategy | None = None
    start: str | None = None
    owner: str = ""
    company: Path | None = None


NO_ROLLOUT = Rollout()


def deploy(
    reference: RunArgument = "latest",
    /,
    *,
    out: Path | None = None,
    zip: bool = False,
    title: str = "",
    candidate: str | None = None,
    no_cases: bool = False,
    rollout: Rollout = NO_ROLLOUT,
    json: bool = False,
) -> None:
    """Write a package for a team, and keep the prompt as a deployment that can be monitored.

    The package has the prompt for ChatGPT, Slack, e-mail and programs, training material, the figures with
    their sources, a roll-out plan, and how to monitor it; index.html shows all of it. Only what the sealed
    test shows to be better is given out: else the package has the prompt before, and says why.

    Args:
        out: the folder, which is new or empty; without it, deployment-TITLE here.
        zip: write it as a zip file too, beside the folder.
        title: what the team calls it.
        candidate: give out this prompt whatever the test says: its id, seed, or #3 for that of iteration 3.
        no_cases: no text of a case stands in the package.
        json: print one JSON object, and nothing else.
    """
    from promptopt.enterprise.deployment.deploying import Order
    from promptopt.enterprise.deployment.deploying import deploy as make
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    context, wishes = _wishes(rollout)
    order = Order(out, candidate, one_line(title, 120), zip, not no_cases, wishes, context)
    with closing(Database.open()) as database:
        done = make(database, _run(Runs(database), reference), order)
    if json:
        emit(_summary(done))
    else:
        _tell(done)


def _run(runs: "Runs", reference: str) -> "RunRow":
    """The run that is meant; the latest is one that optimized: monitoring makes runs that only score."""
    if reference == "latest":
        found = next((row for row in runs.list() if row.kind == "optimize"), None)
        if found is not None:
            return found
    return runs.find(reference)


def deployments(*, json: bool = False) -> None:
    """List the prompts that were deployed, newest first, and what monitoring last said of each.

    Args:
        json: print one JSON array.
    """
    import json as reader
    import time

    from promptopt.store.database import Database
    from promptopt.store.deployments import Deployments

    with closing(Database.open()) as database:
        store = Deployments(database)
        found = [(row, [look for look in store.history(row.id) if look.done]) for row in store.list()]
    listed: list[dict[str, Any]] = []
    for row, looks in found:
        figure = reader.loads(row.reference)["figure"]
        last = reader.loads(looks[-1].body) if looks else None
        listed.append(
            {
                "id": row.id,
                "name": row.name,
                "run_id": row.source_run,
                "prompt_id": row.prompt_id,
                "score": figure["score"],
                "interval": [figure["low"], figure["high"]],
                "n": figure["n"],
                "split": figure["split"],
                "simulated": row.simulated,
                "created_at": row.created_at,
                "monitorings": len(looks),
                "verdict": last["verdict"] if last else None,
            }
        )
    if json:
        emit(listed)
        return
    if not listed:
        say("there are none yet; promptopt deploy RUN makes one")
        return
    rows = [
        [
            one["id"],
            one_line(one["name"], 40),
            time.strftime("%Y-%m-%d", time.localtime(one["created_at"])),
            f"{one['score']:.1%} [{one['interval'][0]:.1%}, {one['interval'][1]:.1%}]"
            + (" simulated" if one["simulated"] else ""),
            str(one["monitorings"]),
            one["verdict"] or "–",
        ]
        for one in listed
    ]
    for line in table(("id", "name", "since", "test score", "looks", "last verdict"), rows):
        say(line)


def _wishes(rollout: Rollout) -> "tuple[BusinessContext | None, Wishes]":
    from promptopt.enterprise.deployment.criteria import Wishes
    from promptopt.enterprise.deployment.deploying import read_company
    from promptopt.enterprise.deployment.rollout import strategy_of

    context, teams, strategy = None, rollout.team, rollout.strategy or "gradual"
    if rollout.company is not None:
        context, named, planned = read_company(rollout.company)
        teams, strategy = rollout.team or named, rollout.strategy or planned
    return context, Wishes(
        teams=tuple(one_line(name, 80) for name in teams),
        strategy=strategy_of(strategy),
        start=_day(rollout.start),
        owner=one_line(rollout.owner, 80),
    )


def _day(given: str | None) -> date | None:
    if given is None:
        return None
    try:
        return date.fromisoformat(given.strip())
    except ValueError:
        raise SettingsError(f"found {given!r}, expected a day as 2026-12-01", where="--start") from None


def _summary(done: "Deployed") -> dict[str, Any]:
    from promptopt.enterprise.compliance import terms
    from promptopt.enterprise.deployment.schedules import monitor_line

    figure = done.deployment.figure
    return {
        "deployment_id": done.deployment.id,
        "name": done.deployment.name,
        "run_id": done.offer.run_id,
        "prompt_id": done.deployment.row.prompt_id,
        "advice": done.offer.advice,
        "headline": done.offer.headline,
        "why": list(done.offer.why),
        "gives_new": done.offer.gives_new,
        "score": figure.score,
        "interval": [figure.low, figure.high],
        "n": figure.n,
        "split": figure.split,
        "simulated": done.offer.simulated,
        "compliance": terms(done.deployment.settings.compliance),
        "notes": list(done.plan.notes),
        "phases": [
            {
                "name": phase.name,
                "who": phase.who,
                "begins": phase.begins,
                "ends": phase.ends,
                "stop": [one.text for one in phase.stop],
            }
            for phase in done.plan.phases
        ],
        "monitor": monitor_line(done.deployment.id),
        "folder": str(done.folder),
        "zip": str(done.packed) if done.packed else None,
        "files": sorted(done.package.files),
    }


def _tell(done: "Deployed") -> None:
    from promptopt.enterprise.compliance import terms
    from promptopt.enterprise.deployment.schedules import monitor_line

    say(done.offer.headline)
    for reason in done.offer.why:
        say(f"  {reason}")
    if not done.offer.gives_new:
        say("  The package has the prompt before, so that everybody uses the same one.")
    for term in terms(done.deployment.settings.compliance):
        note(f"compliance: {one_line(term, 300)}")
    for remark in done.plan.notes:
        note(f"note: {remark}")
    say(f"\ndeployment {done.deployment.id}: {one_line(done.deployment.name, 80)}, {done.deployment.figure}")
    say(f"  {done.folder}/index.html   {len(done.package.files)} files")
    if done.packed:
        say(f"  {done.packed}")
    say(f"  to watch it: {monitor_line(done.deployment.id)}")
