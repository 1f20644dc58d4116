"""The comparison of a proof of concept: which optimizers the budget carries, and its experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset
from promptopt.domain.settings import BudgetSettings, ProjectSettings
from promptopt.enterprise.poc.plan import POCPlan
from promptopt.enterprise.poc.settings import project_of
from promptopt.evaluation.checks import build_judge
from promptopt.experiments.config import About, ExperimentFile, Loaded, OptimizerEntry
from promptopt.experiments.datasets import Source
from promptopt.experiments.planning import BASELINE_SHARE, Plan, make_plan
from promptopt.experiments.words import Named, read_optimizers
from promptopt.optimizers import registry
from promptopt.runs.forecast import forecast
from promptopt.store.history import History

DATASET = "cases"
"""What the one dataset of the comparison is called."""

PLACE = "proof of concept"
"""What messages name as the file of the comparison."""


@dataclass(frozen=True)
class Carried:
    """What the budget carries.

    Attributes:
        entries: optimizers that are compared.
        left_out: optimizers that are not, by label, with the reason.
    """

    entries: tuple[OptimizerEntry, ...]
    left_out: Mapping[str, str]


def needs(plan: POCPlan, dataset: Dataset) -> dict[str, ev.Forecast]:
    """What a search by each optimizer takes, without its caps, by label."""
    named = read_optimizers(plan.optimizers, PLACE)
    return {one.label: _need(plan, dataset, one) for one in named}


def carried(plan: POCPlan, dataset: Dataset, caps: Mapping[str, float]) -> Carried:
    """The optimizers that equal shares of the caps carry: of too many the last ones are left out.

    One is carried if its share covers the least that it takes: the baseline, its first steps and the sealed
    test. It may end earlier than it would like to.
    """
    named = read_optimizers(plan.optimizers, PLACE)
    found = {one.label: _need(plan, dataset, one) for one in named}
    left_out: dict[str, str] = {}
    chosen = list(zip(named, plan.optimizers, strict=True))
    while chosen:
        share = _share(caps, len(chosen) * len(plan.seeds), len(plan.seeds))
        short = [(one, _short(found[one.label], share)) for one, _ in chosen]
        lacking = [(one, why) for one, why in short if why]
        if not lacking:
            break
        one, why = lacking[-1]
        left_out[one.label] = why
        chosen = [(named_, entry) for named_, entry in chosen if named_ is not one]
    return Carried(tuple(entry for _, entry in chosen), left_out)


def experiment_plan(
    plan: POCPlan,
    dataset: Dataset,
    entries: Sequence[OptimizerEntry],
    caps: Mapping[str, float],
    folder: Path,
) -> Plan:
    """The comparison as the plan of an experiment.

    Raises:
        SettingsError: an optimizer, a check or a model can't be used, or a cap leaves nothing.
    """
    settings = project_of(plan)
    split = "test" if dataset.test else "validation"
    source = Source(DATASET, settings, dataset, folder, split, ())
    said = ExperimentFile(
        experiment=About(name=plan.name[:80], seeds=list(plan.seeds), parallel=plan.parallel),
        optimizers=list(entries),
        datasets={},
        budget=BudgetSettings.model_validate(dict(caps)),
    )
    return make_plan(Loaded(said, folder / "comparison", folder), sources=[source])


def _need(plan: POCPlan, dataset: Dataset, named: Named) -> ev.Forecast:
    raw = project_of(plan).model_dump(mode="json", exclude_unset=True)
    raw["optimizer"] = {**named.config, "seed": plan.seeds[0], "name": named.name}
    settings = ProjectSettings.model_validate(raw)
    optimizer = registry.make(settings)
    judge = build_judge(settings, Path.cwd(), dataset.cases(), optional=optimizer.needs_judges)
    return forecast(settings, dataset, optimizer, History({}), judge=judge)


def _share(caps: Mapping[str, float], searches: int, baselines: int) -> dict[str, float]:
    return {name: cap / (searches + BASELINE_SHARE * baselines) for name, cap in caps.items()}


def _short(need: ev.Forecast, share: Mapping[str, float]) -> str:
    """Which cap does not cover the least that is needed, in words; empty if all do."""
    least = {
        "usd": need.total.usd.low if need.total.usd else 0.0,
        "calls": need.total.calls.low,
        "tokens": need.total.tokens.low,
        "minutes": need.seconds.low / 60,
    }
    for name, value in least.items():
        if name in share and value > share[name]:
            return f"it takes {value:,.4g} {name} at least, and its share is {share[name]:,.4g}"
    return ""
