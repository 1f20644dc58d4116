# pyright: basic, reportMissingTypeStubs=false
"""DSPy's optimizers by name: their settings, and how each is asked to compile.

Each is made and run as DSPy wrote it. The settings are DSPy's own, with DSPy's defaults where those suit a
single prompt; what it costs is told from the formulas in their sources (DSPy 3.4).
"""

import math
from typing import Any, ClassVar, Literal, cast

from pydantic import Field

from promptopt.domain.forecast import Plan, Scale, Spread
from promptopt.optimizers.base import OptimizerOptions
from promptopt.optimizers.dspy_adapter.search import BARREN_AFTER, DSPyOptimizer, Kit

_PROPOSAL_CHARS = 6000
"""Characters of a usual request of DSPy's for a proposal: examples, the program, tips."""


class DSPyOptions(OptimizerOptions):
    """Settings of every DSPy optimizer.

    Attributes:
        threads: calls at once; None: as many as the target model's ``max_concurrency``.
    """

    threads: int | None = Field(default=None, ge=1)


class BootstrapOptions(DSPyOptions):
    """Settings of ``dspy-bootstrap``.

    Attributes:
        max_bootstrapped_demos: most demonstrations with an answer of the target model that passed its checks.
        max_labeled_demos: most demonstrations altogether; the rest are cases with their expected outputs.
        max_rounds: tries per training case, those after the first at temperature 1.
    """

    max_bootstrapped_demos: int = Field(default=4, ge=0)
    max_labeled_demos: int = Field(default=16, ge=0)
    max_rounds: int = Field(default=1, ge=1)


class RandomSearchOptions(BootstrapOptions):
    """Settings of ``dspy-bootstrap-random-search``.

    Attributes:
        num_candidates: sets of demonstrations that are tried, besides none, labels only and the first ones.
    """

    num_candidates: int = Field(default=16, ge=1)


class MIPROOptions(DSPyOptions):
    """Settings of ``dspy-mipro``.

    Attributes:
        auto: how much it does; ``light`` tries 6 candidates, ``medium`` 12, ``heavy`` 18.
        max_bootstrapped_demos, max_labeled_demos: as for ``dspy-bootstrap``; both 0: instructions only.
        minibatch_size: validation cases that a trial is scored on, where there are more than 50.
    """

    auto: Literal["light", "medium", "heavy"] = "light"
    max_bootstrapped_demos: int = Field(default=4, ge=0)
    max_labeled_demos: int = Field(default=4, ge=0)
    minibatch_size: int = Field(default=35, ge=1)


class COPROOptions(DSPyOptions):
    """Settings of ``dspy-copro``.

    Attributes:
        breadth: instructions proposed in each round.
        depth: rounds.
        init_temperature: at which they are proposed.
    """

    breadth: int = Field(default=10, ge=2)
    depth: int = Field(default=3, ge=1)
    init_temperature: float = Field(default=1.4, ge=0)


class SIMBAOptions(DSPyOptions):
    """Settings of ``dspy-simba``.

    Attributes:
        batch_size: training cases per step; at most all of them.
        num_candidates: programs proposed per step.
        max_steps: steps.
        max_demos: most demonstrations of a prompt.
    """

    batch_size: int = Field(default=32, ge=1)
    num_candidates: int = Field(default=6, ge=2)
    max_steps: int = Field(default=8, ge=1)
    max_demos: int = Field(default=4, ge=0)


class GEPAOptions(DSPyOptions):
    """Settings of ``dspy-gepa``.

    Attributes:
        auto: how much it does, unless ``max_metric_calls`` says it.
        max_metric_calls: target calls after which no further iteration begins.
        reflection_minibatch_size: training cases that a proposal is reflected on.
        use_merge: also propose the merger of two good prompts.
    """

    auto: Literal["light", "medium", "heavy"] = "light"
    max_metric_calls: int | None = Field(default=None, ge=1)
    reflection_minibatch_size: int = Field(default=3, ge=1)
    use_merge: bool = True


class Bootstrap(DSPyOptimizer):
    """DSPy's BootstrapFewShot: answers that passed become demonstrations."""

    name: ClassVar[str] = "dspy-bootstrap"
    Options: ClassVar[type[OptimizerOptions]] = BootstrapOptions

    def compile(self, kit: Kit) -> Any:
        from dspy.teleprompt import BootstrapFewShot

        options = cast(BootstrapOptions, self.options)
        made = BootstrapFewShot(
            metric=kit.metric.score,
            max_bootstrapped_demos=options.max_bootstrapped_demos,
            max_labeled_demos=kit.labels(options.max_labeled_demos),
            max_rounds=options.max_rounds,
        )
        return made.compile(kit.student, trainset=kit.train)

    def plan(self, scale: Scale) -> Plan:
        options = cast(BootstrapOptions, self.options)
        most = scale.train * options.max_rounds
        tries = Spread.of(
            min(options.max_bootstrapped_demos, most), min(2 * options.max_bootstrapped_demos, most), most
        )
        return _plan(
            Spread.exactly(1), tries + Spread.of(0, scale.validation, scale.validation), Spread.exactly(0)
        )


class RandomSearch(DSPyOptimizer):
    """DSPy's BootstrapFewShotWithRandomSearch: many sets of demonstrations, the best on validation wins."""

    name: ClassVar[str] = "dspy-bootstrap-random-search"
    Options: ClassVar[type[OptimizerOptions]] = RandomSearchOptions

    def compile(self, kit: Kit) -> Any:
        from dspy.teleprompt import BootstrapFewShotWithRandomSearch

        options = cast(RandomSearchOptions, self.options)
        made = BootstrapFewShotWithRandomSearch(
            metric=kit.metric.score,
            max_bootstrapped_demos=options.max_bootstrapped_demos,
            max_labeled_demos=kit.labels(options.max_labeled_demos),
            max_rounds=options.max_rounds,
            num_candidate_programs=options.num_candidates,
            num_threads=kit.threads,
        )
        return made.compile(kit.student, trainset=kit.train, valset=kit.validation)

    def plan(self, scale: Scale) -> Plan:
        options = cast(RandomSearchOptions, self.options)
        sets = options.num_candidates + 3
        tries = (options.num_candidates + 1) * options.max_bootstrapped_demos
        scored = sets * scale.validation
        calls = Spread.of(scored, scored + 2 * tries, scored + (sets - 2) * scale.train * options.max_rounds)
        return _plan(Spread.exactly(sets), calls, Spread.exactly(0))


class MIPRO(DSPyOptimizer):
    """DSPy's MIPROv2: instructions and demonstrations chosen together, by Bayesian optimization."""

    name: ClassVar[str] = "dspy-mipro"
    Options: ClassVar[type[OptimizerOptions]] = MIPROOptions

    @property
    def barren_after(self) -> None:
        return None

    def compile(self, kit: Kit) -> Any:
        from dspy.teleprompt import MIPROv2

        options = cast(MIPROOptions, self.options)
        made = MIPROv2(
            metric=kit.metric.score,
            prompt_model=kit.proposer,
            task_model=kit.target,
            auto=options.auto,
            max_bootstrapped_demos=options.max_bootstrapped_demos,
            max_labeled_demos=kit.labels(options.max_labeled_demos),
            num_threads=kit.threads,
            seed=options.seed + 9,  # 9 is DSPy's own default
        )
        return made.compile(
            kit.student,
            trainset=kit.train,
            valset=kit.validation,
            minibatch_size=min(options.minibatch_size, len(kit.validation)),
        )

    def plan(self, scale: Scale) -> Plan:
        options = cast(MIPROOptions, self.options)
        sets, most = {"light": (6, 100), "medium": (12, 300), "heavy": (18, 1000)}[options.auto]
        demos = bool(options.max_bootstrapped_demos or options.max_labeled_demos)
        variables = 2 if demos else 1
        trials = int(max(2 * variables * math.log2(sets), 1.5 * sets))
        cases = min(scale.validation, most)
        batched = cases > 50
        per_trial = min(options.minibatch_size, cases) if batched else cases
        whole = cases * (trials // 5 + 1) if batched else 0
        scored = trials * per_trial + whole
        bootstraps = sets * max(1, options.max_bootstrapped_demos)
        calls = Spread.of(scored // 2, scored + bootstraps, scored + sets * scale.train + scale.validation)
        return _plan(Spread.of(sets, trials, trials), calls, Spread.of(sets // 2, sets + 5, 2 * sets + 20))


class COPRO(DSPyOptimizer):
    """DSPy's COPRO: rounds of new instructions, each from the best of those before. It has no use for the
    validation cases; the prefix that it proposes for the answer is left out.
    """

    name: ClassVar[str] = "dspy-copro"
    trains_only: ClassVar[bool] = True
    Options: ClassVar[type[OptimizerOptions]] = COPROOptions

    @property
    def barren_after(self) -> int:
        """A round is proposed before any of it is tried."""
        return BARREN_AFTER + cast(COPROOptions, self.options).breadth

    def compile(self, kit: Kit) -> Any:
        from dspy.teleprompt import COPRO as DSPyCOPRO

        options = cast(COPROOptions, self.options)
        made = DSPyCOPRO(
            prompt_model=kit.proposer,
            metric=kit.metric.score,
            breadth=options.breadth,
            depth=options.depth,
            init_temperature=options.init_temperature,
        )
        shown = {"num_threads": kit.threads, "display_progress": False, "display_table": 0}
        return made.compile(kit.student, trainset=kit.train, eval_kwargs=shown)

    def plan(self, scale: Scale) -> Plan:
        options = cast(COPROOptions, self.options)
        prompts = options.breadth * options.depth
        calls = prompts * scale.train
        spread = Spread.of(calls // 2, calls, calls + scale.validation)
        return _plan(Spread.of(1, prompts, prompts), spread, Spread.of(options.depth, prompts, prompts))


class SIMBA(DSPyOptimizer):
    """DSPy's SIMBA: cases whose answers differ most between draws become rules or demonstrations."""

    name: ClassVar[str] = "dspy-simba"
    trains_only: ClassVar[bool] = True
    Options: ClassVar[type[OptimizerOptions]] = SIMBAOptions

    @property
    def barren_after(self) -> int:
        """A step's rules are written before any of them is tried."""
        return BARREN_AFTER + cast(SIMBAOptions, self.options).num_candidates

    def compile(self, kit: Kit) -> Any:
        from dspy.teleprompt import SIMBA as DSPySIMBA

        options = cast(SIMBAOptions, self.options)
        made = DSPySIMBA(
            metric=kit.metric.score,
            bsize=min(options.batch_size, len(kit.train)),
            num_candidates=options.num_candidates,
            max_steps=options.max_steps,
            max_demos=options.max_demos,
            prompt_model=kit.proposer,
            num_threads=kit.threads,
        )
        return made.compile(kit.student, trainset=kit.train, seed=options.seed)

    def plan(self, scale: Scale) -> Plan:
        options = cast(SIMBAOptions, self.options)
        batch, number = min(options.batch_size, scale.train), options.num_candidates
        step = batch * number + batch * (number + 1)
        final = (options.max_steps + 1) * scale.train
        calls = options.max_steps * step + final
        spread = Spread.of(calls // 3, calls, calls + scale.validation)
        rules = options.max_steps * (number + 1)
        return _plan(
            Spread.exactly(options.max_steps * (number + 1)), spread, Spread.of(0, rules // 2, rules)
        )


class GEPA(DSPyOptimizer):
    """DSPy's GEPA: reflects on what failed in words, and keeps a Pareto front of prompts over the cases."""

    name: ClassVar[str] = "dspy-gepa"
    Options: ClassVar[type[OptimizerOptions]] = GEPAOptions

    def compile(self, kit: Kit) -> Any:
        from dspy.teleprompt import GEPA as DSPyGEPA

        options = cast(GEPAOptions, self.options)
        much: dict[str, Any] = {"auto": options.auto}
        if options.max_metric_calls is not None:
            much = {"max_metric_calls": options.max_metric_calls}
        made = DSPyGEPA(
            metric=kit.metric.with_feedback,
            reflection_lm=kit.proposer,
            reflection_minibatch_size=min(options.reflection_minibatch_size, len(kit.train)),
            use_merge=options.use_merge,
            num_threads=kit.threads,
            seed=options.seed,
            **much,
        )
        return made.compile(kit.student, trainset=kit.train, valset=kit.validation)

    def plan(self, scale: Scale) -> Plan:
        options = cast(GEPAOptions, self.options)
        times, more = {"light": (4, 380), "medium": (5, 690), "heavy": (7, 1035)}[options.auto]
        most = options.max_metric_calls or times * scale.validation + more
        share = 2 * options.reflection_minibatch_size
        proposals = most // (share + max(1, scale.validation // 4))
        calls = Spread.of(most // 2, most, most + share + scale.validation)
        return _plan(Spread.of(1, proposals, most // share), calls, Spread.of(1, proposals, most // share))


def _plan(iterations: Spread, target_calls: Spread, optimizer_calls: Spread) -> Plan:
    return Plan(
        iterations=iterations,
        first_target_calls=Spread.exactly(0),
        target_calls=target_calls,
        optimizer_calls=optimizer_calls,
        added_chars=Spread.of(0, 800, None),
        optimizer_chars=Spread.of(500, _PROPOSAL_CHARS, None),
    )
