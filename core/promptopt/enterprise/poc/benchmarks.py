"""Benchmarks for a business: optimizers side by side on tasks that many teams have, as one experiment.

The cases come with the package. They were made up once from sentences with slots, and stay as they are, with
a sealed test: so figures of different days and optimizers can be compared. With a context of one's own, cases
can be made up for it in their place.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.settings import BudgetSettings
from promptopt.enterprise.compliance import terms
from promptopt.enterprise.config import EnterpriseConfig
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.poc.front import EnterprisePOC
from promptopt.enterprise.poc.planning import OPTIMIZERS, check_plan
from promptopt.enterprise.poc.settings import project_of
from promptopt.experiments.config import About, ExperimentFile, Loaded
from promptopt.experiments.datasets import Source
from promptopt.experiments.driving import Driver
from promptopt.experiments.planning import Plan, make_plan
from promptopt.experiments.results import frozen_plan
from promptopt.experiments.results import results_of as board_of
from promptopt.experiments.tables import as_markdown
from promptopt.optimizers.base import BaseOptimizer
from promptopt.runs.scoreboard import NONE, TOGETHER, Scoreboard
from promptopt.store.casefiles import load_dataset
from promptopt.store.database import Database
from promptopt.store.experiments import Experiments
from promptopt.store.projects import settings_from
from promptopt.synthetic.scenarios import Scenario, find_scenario

NAMES = ("customer_support", "internal_email", "content_creation", "technical_documentation")

WHERE = "BusinessBenchmarkSuite"


@dataclass(frozen=True)
class BusinessBenchmark:
    """A task with cases that come with the package."""

    name: str

    @property
    def scenario(self) -> Scenario:
        """The task, with rules and checks."""
        return find_scenario(self.name)

    def dataset(self) -> Dataset:
        """The cases, in splits."""
        return _packaged(self.name)

    def __str__(self) -> str:
        data = self.dataset()
        return f"{self.scenario.title}: {len(list(data.cases()))} cases, {len(data.test)} of them sealed"


@dataclass(frozen=True)
class EnterpriseReport:
    """What optimizers reached on benchmarks.

    Attributes:
        experiment_id: in the store; ``promptopt experiment show`` has it, too.
        board: all figures; differences are corrected for their number (Holm).
        recommended: by benchmark, the optimizer whose winner is proven better than the prompt to start from,
            by the largest difference; "none" if none is.
    """

    experiment_id: str
    board: Scoreboard
    recommended: Mapping[str, str]

    @property
    def simulated(self) -> bool:
        return self.board.simulated

    def markdown(self) -> str:
        """As a table for each benchmark."""
        told = ", ".join(f"{name}: {label}" for name, label in self.recommended.items())
        return as_markdown(self.board, "Business benchmarks", [f"proven better, best first: {told}"])

    def __str__(self) -> str:
        return self.markdown()

    def _repr_markdown_(self) -> str:
        return self.markdown()


class BusinessBenchmarkSuite:
    """The benchmarks.

    Args:
        models, budget: as for ``EnterprisePOC``; without models the simulator stands in.

    Attributes:
        benchmarks: by name.
    """

    def __init__(
        self,
        models: Any = None,
        budget: float | Mapping[str, float] | BudgetSettings | None = None,
        *,
        config: EnterpriseConfig | Mapping[str, Any] | str | Path | None = None,
    ) -> None:
        self.benchmarks = {name: BusinessBenchmark(name) for name in NAMES}
        self._poc = EnterprisePOC(models, config, budget, progress=False)

    def run_enterprise_evaluation(
        self,
        optimizers: Sequence[str | Mapping[str, Any] | BaseOptimizer | type[BaseOptimizer]] = OPTIMIZERS,
        business_context: BusinessContext | Mapping[str, Any] | str | Path | None = None,
        *,
        benchmarks: Sequence[str] = NAMES,
        generated: int | None = None,
        out: str | Path = "benchmarks",
        parallel: int = 2,
    ) -> EnterpriseReport:
        """Run the optimizers on the benchmarks; blocks until that is done. The same again goes on or is read.

        Args and errors as for :meth:`prepared`.

        Raises:
            RunError: no run came to a score.
        """
        return _carried_out(
            self.prepared(
                optimizers,
                business_context,
                benchmarks=benchmarks,
                generated=generated,
                out=out,
                parallel=parallel,
            )
        )

    def terms(
        self, business_context: BusinessContext | Mapping[str, Any] | str | Path | None = None
    ) -> list[str]:
        """What all that is sent is held to, by the norms of configuration and context, a line each."""
        return terms(self._poc.plan(NAMES[0], business_context).compliance)

    def prepared(
        self,
        optimizers: Sequence[str | Mapping[str, Any] | BaseOptimizer | type[BaseOptimizer]] = OPTIMIZERS,
        business_context: BusinessContext | Mapping[str, Any] | str | Path | None = None,
        *,
        benchmarks: Sequence[str] = NAMES,
        generated: int | None = None,
        out: str | Path = "benchmarks",
        parallel: int = 2,
    ) -> Plan:
        """The experiment that this is. Nothing is sent, unless cases are to be made up first.

        Args:
            optimizers: names, tables as in an experiment file, or optimizers of this package.
            business_context: rules that the outputs must keep to.
            benchmarks: which ones.
            generated: make so many cases up for the context, in place of those that come with the package.
            out: folder that the runs belong to.

        Raises:
            SettingsError, ModelError: something can't be used; nothing was sent.
            RunError: not one case could be made up.
        """
        unknown = [name for name in benchmarks if name not in self.benchmarks]
        if unknown:
            fix = f"there are: {', '.join(NAMES)}"
            raise SettingsError(f"there is no benchmark {unknown[0]!r}", where=WHERE, fix=fix)
        entries = [_entry(one) for one in optimizers]
        folder = Path(out).expanduser().absolute()
        sources: list[Source] = []
        for name in benchmarks:
            plan = self._poc.plan(name, business_context, {"optimizers": entries, "count": generated})
            check_plan(plan)
            dataset = self.benchmarks[name].dataset()
            if generated is not None:
                made = self._poc.generate_realistic_scenarios(name, business_context, generated)
                dataset = Dataset(
                    train=made.train, validation=made.validation, test=made.test, held_back=made.held_back
                )
            settings = project_of(plan)
            sources.append(Source(name, settings, dataset, folder, "test", ()))
        first = self._poc.plan(benchmarks[0], business_context, {"optimizers": entries})
        said = ExperimentFile(
            experiment=About(name="business benchmarks", seeds=list(first.seeds), parallel=parallel),
            optimizers=list(first.optimizers),
            datasets={},
            budget=first.budget,
        )
        return make_plan(Loaded(said, folder / "benchmarks", folder), sources=sources)


def _carried_out(plan: Plan) -> EnterpriseReport:
    with closing(Database.open()) as database:
        experiments, digest = Experiments(database), plan.digest()
        row = experiments.like(digest) or experiments.create(
            plan.name, digest, frozen_plan(plan), str(plan.output_dir), plan.simulated
        )
        Driver(database, row, plan, lambda _: None, trusted=True).run()
        board, _ = board_of(database, row)
    if not any(one.score for one in board.rows):
        raise RunError("no run came to a score", where=f"experiment {row.id}")
    return EnterpriseReport(row.id, board, recommended(board))


def recommended(board: Scoreboard) -> dict[str, str]:
    """By benchmark, the optimizer that is proven better by the most; ``none`` if none is."""
    found: dict[str, str] = {}
    for name in board.datasets():
        if name == TOGETHER:
            continue
        proven = [one for one in board.of(name) if one.gain and one.gain.verdict == "better"]
        best = max(proven, key=lambda one: one.gain.difference.mean if one.gain else 0.0, default=None)
        found[name] = best.label if best else NONE
    return found


def _entry(given: Any) -> str | Mapping[str, Any]:
    """An optimizer by name or table; one that is given as such by its own name."""
    if isinstance(given, str):
        return given
    if isinstance(given, Mapping):
        return dict(cast("Mapping[str, Any]", given))
    kind = given if isinstance(given, type) else type(given)
    name = getattr(kind, "name", "")
    if not isinstance(name, str) or not name:
        raise SettingsError(f"a {kind.__name__} is no optimizer", where=WHERE, fix="give its name")
    options = getattr(given, "options", None)
    config: dict[str, Any] = {}
    if options is not None:
        config = options.model_dump(exclude_unset=True, exclude={"name"})
    return {"type": name, "config": config}


@cache
def _packaged(name: str) -> Dataset:
    folder = Path(str(files("promptopt.enterprise"))) / "poc" / "cases"
    raw = {
        "name": name,
        "prompt": "{input}",
        "models": {"target": {"model": "sim/target"}},
        "data": {split: f"{name}-{split}.jsonl" for split in ("train", "validation", "test")},
    }
    settings, _ = settings_from(raw, folder / "project.toml")
    return load_dataset(settings, folder).dataset
