"""benchmark business: optimizers on tasks that many teams have, with cases that come with the package."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.business import Limits, Roles, Whole, company_of, models_of
from promptopt.cli.output import emit, note, say, table
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from promptopt.enterprise.poc.benchmarks import BusinessBenchmarkSuite
    from promptopt.runs.scoreboard import Scoreboard


@Parameter(name="*")
@dataclass(frozen=True)
class What:
    """What is run.

    Attributes:
        benchmark: which ones; may be repeated. Without it all four: customer_support, internal_email,
            content_creation, technical_documentation.
        optimizer: what is compared; may be repeated. Without it refine, dspy-mipro and grpo.
        company: a company file or an enterprise configuration, whose rules the outputs must keep to;
            examples/acme.yaml comes with promptopt.
        generated: make so many cases up for the company, in place of those that come with the package.
        parallel: runs at once.
    """

    benchmark: tuple[str, ...] = ()
    optimizer: tuple[str, ...] = ()
    company: Path | None = None
    generated: Whole = None
    parallel: Annotated[int, Parameter(validator=Number(gte=1, lte=16))] = 2


WHAT, ROLES, LIMITS = What(), Roles(), Limits()


def business(
    *,
    what: What = WHAT,
    models: Roles = ROLES,
    limits: Limits = LIMITS,
    out: Path = Path("benchmarks"),
    list_only: Annotated[bool, Parameter(name="--list")] = False,
    fresh: bool = False,
    json: bool = False,
) -> int:
    """Run optimizers on business tasks that come with the package, and tell which is proven better.

    It is an experiment: its runs are in promptopt runs, promptopt experiment show has its table, and the same
    command again goes on where it was, and pays for nothing twice.

    Args:
        out: folder for results and plots.
        list_only: only list the benchmarks.
        fresh: start anew, also if the same is there already.
        json: print one JSON object at the end, and nothing else.
    """
    from promptopt.cli.experimenting import carry_out
    from promptopt.enterprise.poc.benchmarks import NAMES, BusinessBenchmarkSuite
    from promptopt.enterprise.poc.planning import OPTIMIZERS

    config, context = company_of(what.company)
    suite = BusinessBenchmarkSuite(models_of(models) or None, limits.table() or None, config=config)
    if list_only:
        _list(suite, json=json)
        return 0
    plan = suite.prepared(
        what.optimizer or OPTIMIZERS,
        context,
        benchmarks=what.benchmark or NAMES,
        generated=what.generated,
        out=out,
        parallel=what.parallel,
    )
    if not json:
        for line in suite.terms(context):
            note(f"compliance: {one_line(line, 300)}")
    return carry_out(plan, "the same command again", fresh=fresh, json=json, trust=True, more=_recommended)


def _recommended(board: "Scoreboard", *, quiet: bool) -> dict[str, Any]:
    from promptopt.enterprise.poc.benchmarks import recommended

    found = recommended(board)
    if not quiet:
        say("\nproven better than the prompt to start from, by the most:")
        for name, label in found.items():
            say(f"  {name}: {label}{' (simulated)' if board.simulated else ''}")
    return {"recommended": found}


def _list(suite: "BusinessBenchmarkSuite", *, json: bool) -> None:
    listed = [
        {
            "benchmark": name,
            "title": one.scenario.title,
            "cases": len(list(one.dataset().cases())),
            "sealed": len(one.dataset().test),
        }
        for name, one in suite.benchmarks.items()
    ]
    if json:
        emit(listed)
        return
    rows = [[str(cell) for cell in one.values()] for one in listed]
    for line in table(["benchmark", "task", "cases", "of them sealed"], rows):
        say(line)
