"""What was measured, each figure with its interval and where it was measured."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.results import Comparison, Interval
from promptopt.domain.settings import Price
from promptopt.domain.words import Split
from promptopt.enterprise.case.assumptions import Assumptions
from promptopt.enterprise.case.quantity import Quantity
from promptopt.enterprise.consistency import Consistency


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class Usage(_Frozen):
    """What a request took with one prompt, as means over the cases with their 95 % intervals.

    Attributes:
        tokens_in, tokens_out: sent and generated for an answer.
        seconds: until it came.
        usd: None if a price is unknown.
    """

    tokens_in: Interval
    tokens_out: Interval
    seconds: Interval
    usd: Interval | None = None


class Contender(_Frozen):
    """One optimizer of an experiment.

    Attributes:
        score: of its winners on the cases.
        gain: against the prompt to start from; verdict and interval are corrected for the number of
            optimizers.
        validation: mean validation score of its winners, by which one is chosen.
        usd: mean cost of a run; None if a price is unknown.
    """

    label: str
    score: Interval | None = None
    gain: Comparison | None = None
    validation: float | None = None
    usd: float | None = None
    calls: float = 0.0
    seconds: float = 0.0
    runs: int = 1
    chosen: bool = False


class Pair(_Frozen):
    """A case with what both prompts made of it; it got better, got worse, or stayed as it was."""

    case_id: str
    given: str
    expected: str
    before: str
    after: str
    change: str


class Evidence(_Frozen):
    """What a business case can rest on.

    Attributes:
        title: what was optimized.
        source: the run or experiment, as ``run 261125-3b78ec``.
        run_ids: the runs that the figures come from.
        experiment_id: empty if it was a single run.
        split: the cases that the figures were measured on; ``n`` of them.
        simulated: by the built-in simulator: says nothing about a real model.
        over: the run is over.
        optimizer: whose prompt it is.
        model: the target model.
        baseline, best: scores of the prompt to start from and of the best one; None if not scored there.
        comparison: of the best against the first, on the same cases; None if no claim can be made.
        same: the best prompt is the one to start from.
        note: why there is no comparison, or what limits it.
        passed_before, passed_after: share of cases that pass every check.
        before, after: what a request takes.
        price: of the target model; None if unknown. ``priced_by`` tells whose price it is.
        search_usd: spent so far on the optimization; None if a price is unknown.
        search_uncertain_usd: what may have been spent beside that, for answers that never came.
        search_calls, search_seconds: of all runs.
        must_pass_broken: cases that must pass and that only the first prompt passes.
        consistency: agreement of outputs for the same task, if that was measured.
        contenders: the optimizers that were compared.
        pairs: examples of what changed.
        first_prompt, best_prompt: their texts.
    """

    title: str = "prompt"
    source: str = "no run"
    run_ids: tuple[str, ...] = ()
    experiment_id: str = ""
    split: Split = "test"
    n: int = 0
    simulated: bool = False
    over: bool = True
    optimizer: str = ""
    model: str = ""
    baseline: Interval | None = None
    best: Interval | None = None
    comparison: Comparison | None = None
    same: bool = False
    note: str = ""
    passed_before: Interval | None = None
    passed_after: Interval | None = None
    before: Usage | None = None
    after: Usage | None = None
    price: Price | None = None
    priced_by: str = ""
    search_usd: float | None = None
    search_uncertain_usd: float = 0.0
    search_calls: int = 0
    search_seconds: float = 0.0
    must_pass_broken: tuple[str, ...] = ()
    consistency: Consistency | None = None
    contenders: tuple[Contender, ...] = ()
    pairs: tuple[Pair, ...] = Field(default=())
    first_prompt: str = ""
    best_prompt: str = ""

    @property
    def where(self) -> str:
        """Where its figures come from: ``run …, sealed test, 24 cases, simulated``."""
        cases = {"test": "sealed test", "train": "training"}.get(self.split, self.split)
        simulated = ", SIMULATED" if self.simulated else ""
        return f"{self.source}, {cases}, {self.n} cases{simulated}"

    @property
    def sealed(self) -> bool:
        """Measured on cases that took no part in the search."""
        return self.split == "test"

    def quantities(self, assumed: Assumptions) -> dict[str, Quantity]:
        """All that a case is computed from: what was measured, and the assumptions for the rest.

        A gain that was not shown on sealed cases is none. Where a price is known it takes the place of the
        assumed one, unless somebody gave that.
        """
        found = assumed.quantities()
        found |= {"gain": self._gain(), "failing": self._failing(), **self._tokens()}
        given = set(assumed.given)
        if self.price is not None:
            for name, usd in (("price_input", self.price.input), ("price_output", self.price.output)):
                if name not in given:
                    found[name] = _exactly(found[name], usd, "price list", f"{self.priced_by}.")
        if self.search_usd is not None and not self.simulated and "optimization_usd" not in given:
            spent = _exactly(
                found["optimization_usd"], self.search_usd, "measured", f"Spent by {self.source}."
            )
            found["optimization_usd"] = spent.model_copy(
                update={"high": self.search_usd + self.search_uncertain_usd}
            )
        return found

    def _gain(self) -> Quantity:
        label = "Gain in score"
        if self.comparison is None or not self.sealed or self.same:
            why = f"Counted as none, since none was shown on sealed cases ({self.source})."
            return Quantity(value=0, low=0, high=0, unit="points", label=label, source="measured", why=why)
        gap = self.comparison.difference
        why = f"Difference of both prompts, {self.comparison.interval_name}; {self.where}."
        return Quantity(
            value=gap.mean, low=gap.low, high=gap.high, unit="points", label=label, source="measured", why=why
        )

    def _failing(self) -> Quantity:
        """What was missing to a full score; half a case at least, so that a share of it can be told."""
        least = 0.5 / max(1, self.n)
        missing = max(least, 1 - self.baseline.mean) if self.baseline else 1.0
        why = f"One minus the score of today's prompt, held at its mean; {self.where}."
        return Quantity(
            value=missing,
            low=missing,
            high=missing,
            unit="share",
            label="Missing to a full score today",
            source="measured",
            why=why,
        )

    def _tokens(self) -> dict[str, Quantity]:
        made: dict[str, Quantity] = {}
        known = self.before is not None and self.after is not None
        for when, usage, said in (
            ("today", self.before, "today"),
            ("new", self.after, "with the new prompt"),
        ):
            for name, way in (("tokens_in", "sent"), ("tokens_out", "generated")):
                label = f"Tokens {way} for a request {said}"
                found: Interval | None = getattr(usage, name) if usage and known else None
                if found is None:
                    found = Interval(mean=0, low=0, high=0, n=0)
                    why = "Not measured for both prompts, so no difference is counted."
                else:
                    why = f"Mean with its 95 % interval; {self.where}."
                made[f"{name}_{when}"] = Quantity(
                    value=found.mean,
                    low=max(0.0, found.low),
                    high=found.high,
                    unit="tokens",
                    label=label,
                    source="measured",
                    why=why,
                )
        return made


def _exactly(one: Quantity, value: float, source: str, why: str) -> Quantity:
    made: dict[str, Any] = {"value": value, "low": value, "high": value, "source": source, "why": why}
    return Quantity.model_validate(one.model_dump() | made)
