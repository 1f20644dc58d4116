"""The comparison of a proof of concept: which optimizers the budget carries, and its experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset
from promptopt.domain.forecast import Spread
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

MINUTES = Spread.exactly(1 / 60)

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

    One is carried if its share likely covers baseline, one step of the search, and the sealed test. It may
    end earlier than it would like to.
    """
    named = read_optimizers(plan.optimizers, PLACE)
    found = {one.label: _need(plan, dataset, one) for one in named}
    pairs = list(zip(named, plan.optimizers, strict=True))
    sets = [pairs[:number] for number in range(len(pairs), 0, -1)] + [[pair] for pair in pairs[1:]]
    for chosen in sets:
        share = _share(caps, len(chosen) * len(plan.seeds), len(plan.seeds))
        if not any(_short(found[one.label], share) for one, _ in chosen):
            kept = {one.label for one, _ in chosen}
            return Carried(tuple(entry for _, entry in chosen), _left_out(found, kept, caps, plan))
    return Carried((), _left_out(found, set(), caps, plan))


def _left_out(
    needs: Mapping[str, ev.Forecast], kept: set[str], caps: Mapping[str, float], plan: POCPlan
) -> dict[str, str]:
    """Why each of the others is left out: what it needs, or that the others would have too little."""
    share = _share(caps, (len(kept) + 1) * len(plan.seeds), len(plan.seeds))
    told = "a share for it would leave too little for the others"
    return {label: _short(need, share) or told for label, need in needs.items() if label not in kept}


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
    """Which cap does not cover a search of one step, in words; empty if all do."""
    steps = max(1.0, (need.iterations.likely if need.iterations else None) or 1.0)
    spans = {"calls": need.total.calls, "tokens": need.total.tokens, "minutes": need.seconds * MINUTES}
    if need.total.usd is not None:
        spans["usd"] = need.total.usd
    for name, span in spans.items():
        least = span.low + ((span.likely or span.low) - span.low) / steps
        if name in share and least > share[name]:
            return f"with one step it takes about {least:,.4g} {name}, and its share is {share[name]:,.4g}"
    return ""
