"""poc run, show, resume, pause, stop, list, estimate: from a scenario to a business case."""

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from promptopt.cli.business import Limits, Roles, Whole, company_of, models_of
from promptopt.cli.output import emit, note, say, table
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.domain.dataset import Dataset
    from promptopt.domain.errors import PromptoptError
    from promptopt.enterprise.case.assumptions import Assumptions
    from promptopt.enterprise.poc.plan import POCPlan
    from promptopt.enterprise.poc.planning import Wanted
    from promptopt.enterprise.poc.state import POCState
    from promptopt.store.database import Database
    from promptopt.store.pocs import PocRow

POCArgument = Annotated[str, Parameter(name="POC", help="its id, a part of it, its name, or: latest.")]


@Parameter(name="*")
@dataclass(frozen=True)
class Task:
    """What it is about.

    Attributes:
        scenario: customer_support, internal_email, content_creation, technical_documentation …, or the path
            of a scenario file; promptopt data scenarios lists them.
        company: a company file or an enterprise configuration; examples/acme.yaml comes with promptopt.
        config: an enterprise configuration, beside a company file.
        cases: cases of yours, in place of made-up ones.
        prompt: file with the prompt that you use today, with {input} where the case goes.
        count: cases to make up.
        optimizer: what is compared; may be repeated, the most important first.
        seed: of the searches; may be repeated.
        review: wait for a person to look at the cases before they are used.
        assumptions: a TOML or YAML file with assumptions of the business case.
    """

    scenario: str = "customer_support"
    company: Path | None = None
    config: Path | None = None
    cases: Path | None = None
    prompt: Path | None = None
    count: Whole = None
    optimizer: tuple[str, ...] = ()
    seed: tuple[int, ...] = ()
    review: bool = False
    assumptions: Path | None = None


@Parameter(name="*")
@dataclass(frozen=True)
class Caps(Limits):
    """One budget over all stages.

    Attributes:
        emergency: go beyond the monthly budget of the configuration, up to its emergency budget.
    """

    emergency: bool = False


TASK, ROLES, CAPS = Task(), Roles(), Caps()


def run(
    *,
    task: Task = TASK,
    models: Roles = ROLES,
    caps: Caps = CAPS,
    out: Path | None = None,
    json: bool = False,
    detach: bool = False,
    fresh: bool = False,
) -> int:
    """Go from a scenario to a business case: cases, comparison, statistics, money, a package for the team.

    The same command again goes on where it was, and pays for nothing twice.

    Args:
        out: folder for what it writes; default: poc-SCENARIO.
        json: print one JSON object at the end, and nothing else.
        detach: carry it out in the background, print its id, and leave.
        fresh: start anew, also if the same is there already.
    """
    from promptopt.enterprise.poc.planning import check_plan, create, default_folder, plan_for, rehearsed
    from promptopt.store.database import Database

    wanted = _wanted(task, models, caps)
    plan = plan_for(wanted)
    check_plan(plan)
    with closing(Database.open()) as database:
        _check(database, plan)
        folder = out or default_folder(plan)
        row, new = create(database, plan, folder, wanted.own_cases, fresh=fresh)
        if not json:
            _announce(database, row, plan, new=new)
            if new and (remark := rehearsed(wanted, plan)):
                note(remark)
        return _carry_out(database, row, json=json, detach=detach)


def estimate(*, task: Task = TASK, models: Roles = ROLES, caps: Caps = CAPS, json: bool = False) -> None:
    """Forecast calls, tokens, cost and time of all stages, and what the budget carries. Sends nothing.

    Args:
        json: print one JSON object.
    """
    from promptopt.enterprise.poc.forecasting import estimate_of
    from promptopt.enterprise.poc.planning import plan_for

    wanted = _wanted(task, models, caps)
    plan = plan_for(wanted)
    found, (problem, emergency) = estimate_of(plan, wanted.own_cases), _problem(plan)
    if json:
        fault = {"what": problem.what, "where": problem.where, "fix": problem.fix} if problem else None
        emit({**found.as_json(), "count": plan.count, "problem": fault, "emergency": emergency})
        return
    say(f"{found.name}{' (simulated models)' if found.simulated else ''} needs, without its caps:\n")
    rows = [[one.title, *one.cells()] for one in found.stages]
    for line in table(["stage", "calls", "tokens", "USD", "minutes", "has at most", ""], rows):
        say(line)
    say("\nat least / likely / at most")
    for line in found.notes:
        say(f"· {line}")
    if problem:
        note(f"note: it can't be started yet: {problem}")


def show(reference: POCArgument = "latest", /, *, json: bool = False) -> None:
    """Show where a proof of concept stands, or what it came to.

    Args:
        json: print one JSON object.
    """
    from promptopt.enterprise.poc.state import state_of
    from promptopt.store.database import Database
    from promptopt.store.pocs import Pocs

    with closing(Database.open()) as database:
        row = Pocs(database).find(reference)
        if json:
            emit(_record(database, row))
        else:
            _say(state_of(database, row), database, row)


def resume(
    reference: POCArgument = "latest",
    /,
    *,
    accept_cases: bool = False,
    emergency: bool = False,
    json: bool = False,
    detach: bool = False,
) -> int:
    """Let one go on that was paused, stopped, held or killed; nothing is paid twice.

    Args:
        accept_cases: use the cases although they do not pass the gate.
        emergency: go beyond the monthly budget, up to the emergency budget.
        json: print one JSON object at the end, and nothing else.
        detach: carry it out in the background, and leave.
    """
    from promptopt.enterprise.poc.steering import agree
    from promptopt.enterprise.poc.wishes import go_on
    from promptopt.store.database import Database
    from promptopt.store.pocs import Pocs

    with closing(Database.open()) as database:
        row = Pocs(database).find(reference)
        row = agree(database, row, accept_cases=accept_cases, emergency=emergency)
        if go_on(database, row):
            emit({"poc_id": row.id}) if json else note(f"asked {row.id} to go on")
            return 0
        return _carry_out(database, row, json=json, detach=detach)


def pause(reference: POCArgument = "latest", /) -> None:
    """Hold a proof of concept and its runs; promptopt poc resume lets it go on."""
    from promptopt.enterprise.poc.wishes import ask_for
    from promptopt.store.database import Database
    from promptopt.store.pocs import Pocs

    with closing(Database.open()) as database:
        row = Pocs(database).find(reference)
        ask_for(database, row, "pause")
        note(f"asked {row.id} to pause")


def stop(reference: POCArgument = "latest", /) -> None:
    """End a proof of concept and its runs for now; promptopt poc resume lets it go on."""
    from promptopt.enterprise.poc.wishes import ask_for
    from promptopt.store.database import Database
    from promptopt.store.pocs import Pocs

    with closing(Database.open()) as database:
        row = Pocs(database).find(reference)
        ask_for(database, row, "stop")
        note(f"asked {row.id} to stop")


def list_all(*, json: bool = False) -> None:
    """List proofs of concept, newest first.

    Args:
        json: print one JSON list; times are seconds since the epoch.
    """
    from promptopt.store.database import Database
    from promptopt.store.pocs import Pocs

    with closing(Database.open()) as database:
        rows = Pocs(database).list()
    if json:
        names = ("id", "name", "organization", "status", "detail", "simulated", "output_dir", "created_at")
        emit([{"poc_id": row.id, **{name: getattr(row, name) for name in names}} for row in rows])
        return
    if not rows:
        note("no proof of concept yet. promptopt poc run --scenario customer_support carries one out.")
        return
    cells = [
        [
            row.id,
            row.name,
            row.status + (" (simulated)" if row.simulated else ""),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(row.created_at)),
            row.output_dir,
        ]
        for row in rows
    ]
    for line in table(["poc", "name", "status", "started", "files"], cells):
        say(line)


def _wanted(task: Task, models: Roles, caps: Caps) -> "Wanted":
    from promptopt.enterprise.poc.planning import Wanted
    from promptopt.store.textfiles import read_text
    from promptopt.synthetic.scenarios import find_scenario

    config, context = company_of(task.company, task.config)
    given = models_of(models)
    more: dict[str, Any] = {"review": task.review, "emergency_allowed": caps.emergency}
    if task.seed:
        more["seeds"] = task.seed
    if task.prompt is not None:
        more["prompt"] = read_text(task.prompt, 1_000_000)
    return Wanted(
        scenario=task.scenario,
        context=context,
        config=config,
        models=given,
        count=task.count,
        own_cases=_own(task.cases) if task.cases else None,
        optimizers=task.optimizer,
        budget=caps.table(),
        assumptions=_assumed(task.assumptions, find_scenario(task.scenario).name)
        if task.assumptions
        else None,
        more=more,
    )


def _own(path: Path) -> "Dataset":
    from promptopt.domain.dataset import split_cases
    from promptopt.enterprise.poc.plan import SPLIT
    from promptopt.store.importing import load_cases

    data, notices = load_cases(path)
    for notice in (*notices, *data.notices):
        note(f"note: {notice}")
    found = data.dataset
    return found if found.test and found.held_back else split_cases(tuple(found.cases()), SPLIT)


def _assumed(path: Path, scenario: str) -> "Assumptions":
    from promptopt.enterprise.case.assumptions import GENERAL, Assumptions, scenarios

    return Assumptions.load(path, scenario if scenario in scenarios() else GENERAL)


def _problem(plan: "POCPlan") -> "tuple[PromptoptError | None, float | None]":
    """Why it would be refused if it were started now, and the emergency budget that would let it begin."""
    from promptopt.domain.errors import PromptoptError
    from promptopt.enterprise.poc.planning import check_plan
    from promptopt.store.database import Database

    try:
        check_plan(plan)
    except PromptoptError as error:
        return error, None
    with closing(Database.open()) as database:
        try:
            _check(database, plan)
        except PromptoptError as error:
            return error, None if plan.emergency_allowed else plan.emergency
    return None, None


def _check(database: "Database", plan: "POCPlan") -> None:
    """Refuse at once what would be refused later, before a plan is kept."""
    from promptopt.enterprise.poc.steering import check_month

    check_month(database, plan)


def _announce(database: "Database", row: "PocRow", plan: "POCPlan", *, new: bool) -> None:
    from promptopt.enterprise.compliance import terms
    from promptopt.enterprise.poc.month import left_of_month

    simulated = " (simulated models)" if plan.simulated else ""
    say(f"poc {row.id}, {one_line(row.name, 90)}{simulated}{'' if new else ': it goes on where it was'}")
    caps = ", ".join(f"{name} {value:g}" for name, value in plan.budget.limits().items())
    note(f"budget of all stages: {caps or 'none'}; promptopt poc pause and stop steer it")
    if month := left_of_month(database, row, plan):
        note(month)
    for line in terms(plan.compliance):
        note(f"compliance: {one_line(line, 300)}")


def _carry_out(database: "Database", row: "PocRow", *, json: bool, detach: bool) -> int:
    from promptopt.enterprise.poc.driving import POCDriver
    from promptopt.enterprise.poc.live import Watching
    from promptopt.enterprise.poc.process import start_driver
    from promptopt.enterprise.poc.state import state_of
    from promptopt.store.pocs import Pocs

    if detach and row.status != "finished":
        start_driver(row.id)
        emit({"poc_id": row.id}) if json else say(row.id)
        return 0
    if row.status != "finished":
        watch = Watching(database, row.id, quiet=json)
        try:
            row = POCDriver(database, row, watch).run()
        except KeyboardInterrupt:
            note(f"interrupted; what is done is kept. To go on: promptopt poc resume {row.id}")
            return 130
    row = Pocs(database).find(row.id)
    if json:
        emit(_record(database, row))
    else:
        _say(state_of(database, row), database, row)
    return {"finished": 0, "held": 4}.get(row.status, 1)


def _record(database: "Database", row: "PocRow") -> dict[str, Any]:
    from promptopt.enterprise.poc.concluding import concluded
    from promptopt.enterprise.poc.state import state_of
    from promptopt.enterprise.poc.writing import record_of

    return {**record_of(concluded(database, row)), **state_of(database, row).as_json()}


def _say(state: "POCState", database: "Database", row: "PocRow") -> None:
    from promptopt.enterprise.poc.concluding import concluded
    from promptopt.enterprise.poc.writing import figures_of, next_steps

    simulated = " (simulated)" if state.simulated else ""
    say(f"poc {state.id}, {one_line(state.name, 90)}{simulated}: {state.status}, {state.share:.0%}")
    if state.detail:
        say(f"  {state.detail}")
    say("")
    rows = [[one.title, one.status, one.figures, one.note] for one in state.stages]
    for line in table(["stage", "", "", ""], rows):
        say(f"  {line}")
    told = concluded(database, row)
    if state.status == "finished":
        say(f"\n{told.headline}")
        for step in next_steps(told):
            say(f"  · {step}")
    say("")
    for line in table(
        ["figure", "value", "source"], [[f.label, one_line(f.text, 72), f.source] for f in figures_of(told)]
    ):
        say(f"  {line}")
    if state.files:
        say(f"\nwritten to {state.output_dir}: {', '.join(state.files)}")
    for one in state.notes:
        note(f"note: {one}")
