"""From an experiment file to its cells: each a run with settings of its own."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from promptopt.domain.dataset import Dataset, Split
from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import BUDGETS, BudgetSettings, ModelSettings, ProjectSettings
from promptopt.experiments.config import Loaded, OptimizerEntry
from promptopt.experiments.datasets import Source, judge_model, read_datasets
from promptopt.experiments.words import Named, read_optimizers
from promptopt.runs.checking import check_runnable
from promptopt.runs.launch import at_once, simulated
from promptopt.runs.scoreboard import NONE

BASELINE_SHARE = 0.25
"""Most of an optimizer's share of the budget that scoring one prompt gets; what it leaves goes to them."""

JUDGING_SHARE = 0.1
"""Of an optimizer's share, kept back for each judge that scores a winner."""


@dataclass(frozen=True)
class Cell:
    """One run of an experiment.

    Attributes:
        label: the optimizer as the table calls it.
        judge: the model that scores the winner of the cell without a judge; empty for that cell itself.
    """

    dataset: str
    label: str
    seed: int
    judge: str = ""

    @property
    def key(self) -> str:
        """Its name in the store."""
        return json.dumps([self.dataset, self.label, self.seed, self.judge], ensure_ascii=False)

    @property
    def optimizes(self) -> bool:
        """Whether it searches, rather than scores one prompt."""
        return not self.judge and self.label != NONE

    @property
    def searched(self) -> "Cell":
        """The cell whose winner a judge scores."""
        return replace(self, judge="")


@dataclass(frozen=True)
class Plan:
    """All that an experiment is made of.

    Attributes:
        cells: in the order in which they are begun.
        settings: of each cell, without its share of the budget; a judging cell's lack the winner's prompt.
        limits: caps of the whole experiment.
        run_limits: caps of each run.
        notices: what to know beforehand.
    """

    name: str
    path: Path
    output_dir: Path
    parallel: int
    cells: tuple[Cell, ...]
    settings: Mapping[Cell, ProjectSettings]
    sources: Mapping[str, Source]
    limits: Mapping[str, float]
    run_limits: Mapping[str, float]
    rubric: str = ""
    notices: tuple[str, ...] = field(default=())

    @property
    def simulated(self) -> bool:
        return any(settings.simulated for settings in self.settings.values())

    def dataset(self, cell: Cell) -> Dataset:
        return self.sources[cell.dataset].dataset

    def split(self, cell: Cell) -> Split:
        return self.sources[cell.dataset].split

    def digest(self) -> str:
        """Hash of all that decides what the runs are."""
        body = [
            [cell.key, settings.model_dump(mode="json", exclude={"data"}), self.dataset(cell).fingerprint()]
            for cell, settings in self.settings.items()
        ]
        text = json.dumps([self.name, body, dict(self.limits), dict(self.run_limits)], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def capped(self, cell: Cell, spent: Mapping[str, float]) -> ProjectSettings:
        """Settings of a cell with the caps of its run; of several caps of a kind the lowest holds.

        Raises:
            SettingsError: the whole budget leaves nothing for it.
        """
        settings = self.settings[cell]
        caps = self._share_of(cell, spent)
        for name, own in settings.budget.limits().items():
            caps[name] = min(caps.get(name, own), own)
        for name, value in caps.items():
            if value <= 0:
                raise SettingsError(
                    f"the budget of {self.limits[name]:g} {name} is too small for {len(self.cells)} runs",
                    where=f"{self.path}: budget.{name}",
                    fix="raise it, or leave out optimizers, datasets, seeds or judges",
                )
        return settings.model_copy(update={"budget": BudgetSettings.model_validate(caps)})

    def _share_of(self, cell: Cell, spent: Mapping[str, float]) -> dict[str, float]:
        """The caps of a cell's run: its share of the whole budget, and at most what each run may have.

        Every search has the same share, whatever others leave. What the baselines leave is known before the
        searches begin, and goes to them.

        Args:
            spent: by all baselines, of each kind of cap.
        """
        caps = dict(self.run_limits)
        searches = sum(one.optimizes for one in self.cells)
        baselines = sum(one.label == NONE and not one.judge for one in self.cells)
        judgings = sum(bool(one.judge) for one in self.cells)
        for name, limit in self.limits.items():
            unit = limit / (searches + BASELINE_SHARE * baselines + JUDGING_SHARE * judgings)
            if cell.judge:
                share = JUDGING_SHARE * unit
            elif cell.label == NONE:
                share = BASELINE_SHARE * unit
            else:
                left = limit - spent.get(name, 0.0) - JUDGING_SHARE * unit * judgings
                share = left / searches
            whole = _whole(name)
            caps[name] = min(caps.get(name, share), float(int(share)) if whole else share)
        return caps


def _whole(cap: str) -> bool:
    return cap.endswith(("calls", "tokens"))


def make_plan(
    loaded: Loaded,
    *,
    simulate: bool = False,
    fast: bool = False,
    changes: Mapping[str, Any] | None = None,
    sources: Sequence[Source] | None = None,
) -> Plan:
    """Read the datasets, name the optimizers, and make the cells; nothing is sent.

    Args:
        simulate: put the built-in simulator in the place of every model.
        fast: let simulated models answer at once.
        changes: in the place of what the file says: ``parallel``, ``usd``, ``models``.
        sources: datasets in the place of those that the file names.

    Raises:
        SettingsError: something in the file can't be used; all cells are checked.
        ModelError: a key is missing, or a price while there is a cap on USD.
    """
    changes = changes or {}
    loaded = _changed(loaded, changes, simulate)
    said, where = loaded.said, str(loaded.path)
    optimizers = read_optimizers(said.optimizers, where)
    extra = [OptimizerEntry(type=name) for name in said.experiment.baselines if name != NONE]
    optimizers += [
        replace(named, label=f"{named.label} (baseline)" if _taken(named, optimizers) else named.label)
        for named in read_optimizers(extra, f"{where}: experiment.baselines")
    ]
    sources = read_datasets(loaded) if sources is None else list(sources)
    settings: dict[Cell, ProjectSettings] = {}
    for seed in dict.fromkeys(said.experiment.seeds):
        for source in sources:
            base = simulated(source.settings) if simulate else source.settings
            base = base.model_copy(update={"name": f"{said.experiment.name}: {source.name}"[:100]})
            for label, given in _of_cells(optimizers, seed, source.split, NONE in said.experiment.baselines):
                settings[Cell(source.name, label, seed)] = _valid({**_dumped(base), "optimizer": given})
    judged = {
        replace(cell, judge=name): _judging(one, table, cell.seed, said.evaluation.rubric, sources, cell)
        for cell, one in settings.items()
        for name, table in _judges(said.evaluation.judges, simulate=simulate)
    }
    cells = _in_order([*settings, *judged])
    found = {**settings, **judged}
    plan = Plan(
        name=said.experiment.name,
        path=loaded.path,
        output_dir=loaded.dir / Path(said.experiment.output_dir).expanduser(),
        parallel=changes.get("parallel") or said.experiment.parallel,
        cells=tuple(cells),
        settings={cell: at_once(found[cell]) if fast else found[cell] for cell in cells},
        sources={source.name: source for source in sources},
        limits=_limits(said.budget.limits(), changes),
        run_limits=said.run_budget.limits(),
        notices=tuple(
            dict.fromkeys(
                [n for named in optimizers for n in named.notices] + [n for s in sources for n in s.notices]
            )
        ),
    )
    _check(plan)
    return plan


def _changed(loaded: Loaded, changes: Mapping[str, Any], simulate: bool) -> Loaded:
    """The file with what the command line says in the place of what it says."""
    models = {**loaded.said.models, **changes.get("models", {})}
    if simulate and "target" not in models:
        models["target"] = ModelSettings(model="sim/target")
    return replace(loaded, said=loaded.said.model_copy(update={"models": models}))


def _limits(said: Mapping[str, float], changes: Mapping[str, Any]) -> dict[str, float]:
    given = {name: float(changes[name]) for name in BUDGETS if changes.get(name)}
    return {**said, **given}


def _taken(named: Named, others: Sequence[Named]) -> bool:
    return any(other.label == named.label for other in others)


def _of_cells(
    optimizers: Sequence[Named], seed: int, split: Split, baseline: bool
) -> list[tuple[str, dict[str, Any]]]:
    """Label and table of the optimizer of each cell of a dataset and a seed."""
    found = [(named.label, {**named.config, "seed": seed, "name": named.name}) for named in optimizers]
    return [*([(NONE, {"name": NONE, "split": split, "seed": seed})] if baseline else []), *found]


def _judges(said: Sequence[str | dict[str, Any]], *, simulate: bool) -> list[tuple[str, dict[str, Any]]]:
    found = [judge_model(one) for one in said]
    return [(name, {"model": "sim/judge"} if simulate else table) for name, table in found]


def _judging(
    settings: ProjectSettings,
    table: Mapping[str, Any],
    seed: int,
    rubric: str,
    sources: Sequence[Source],
    cell: Cell,
) -> ProjectSettings:
    """Settings of a run in which a judge scores a winner. Answers that are there are not asked for again."""
    source = next(one for one in sources if one.name == cell.dataset)
    task = settings.task.description or settings.prompt
    cases = source.dataset[source.split]
    check = {
        "type": "judge",
        "name": "judge",
        "rubric": rubric or f"The output does this task, correctly and completely: {task}",
        "reference": all(case.expected is not None for case in cases),
    }
    raw = _dumped(settings)
    return _valid(
        {
            **raw,
            "checks": [check],
            "task": {**raw.get("task", {}), "constraints": []},
            "models": {"target": raw["models"]["target"], "judge": dict(table)},
            "optimizer": {"name": NONE, "split": source.split, "seed": seed},
            "cache": {"reuse": True, "sampled": True},
        }
    )


def _in_order(cells: Sequence[Cell]) -> list[Cell]:
    """Baselines first: what they leave goes to the searches. Then seed by seed; the judges come last."""
    return sorted(cells, key=lambda cell: (bool(cell.judge), cell.label != NONE))


def _check(plan: Plan) -> None:
    """Raise what is wrong with any cell, before any is begun."""
    for cell in plan.cells:
        capped = plan.capped(cell, {})
        check_runnable(capped, plan.sources[cell.dataset].dir, "optimize" if cell.optimizes else "eval")
    if not any(cell.optimizes for cell in plan.cells):
        raise SettingsError("there is no optimizer to run", where=str(plan.path))


def _dumped(settings: ProjectSettings) -> dict[str, Any]:
    return settings.model_dump(mode="json", exclude_unset=True, exclude={"data": {"cases"}})


def _valid(raw: Mapping[str, Any]) -> ProjectSettings:
    return ProjectSettings.model_validate(raw)
