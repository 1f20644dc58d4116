"""What a run will need, told before anything is sent: calls, tokens, USD, time, and which cap ends it first.

Prompts are rendered on the actual cases. A token is likely four bytes, and at most one byte; output lengths
and latencies are those of earlier runs of the project where there are some, else guesses that say so. Retries
are left out. What checks ask of models they tell themselves, for each case. (Calibrating on the project's
own calls, and stating the upper bound beside the likely figure: what GEPA's and dspy's budget estimates lack,
which count calls only.)
"""

from collections.abc import Mapping, Sequence
from math import ceil

from promptopt.domain import events as ev
from promptopt.domain.dataset import SPLITS, Dataset, Example, Split
from promptopt.domain.forecast import NONE, Need, Plan, Question, Scale, Spread
from promptopt.domain.settings import ModelSettings, Price, ProjectSettings
from promptopt.evaluation.checks import Judge
from promptopt.models.prices import lookup_price
from promptopt.optimizers.base import BaseOptimizer
from promptopt.runs.caps import first_cap
from promptopt.runs.questions import Answers, Asked, Questions, some
from promptopt.runs.setup import model_of, roles_in_use
from promptopt.runs.tokens import BYTES_PER_TOKEN, MOST_BYTES_PER_TOKEN, rendered, size_of
from promptopt.store.history import History, Past

GUESSED_OUTPUT = 200
"""Tokens of an answer of which nothing is known."""

GUESSED_VERDICT = 60
"""Tokens of a judge's reply of which nothing is known."""

_UNKNOWN = Spread(low=0, likely=None, high=None)


def forecast(
    settings: ProjectSettings,
    dataset: Dataset,
    optimizer: BaseOptimizer | None,
    past: History,
    splits: Sequence[Split] = SPLITS,
    judge: Judge | None = None,
) -> ev.Forecast:
    """What a run of these settings on these cases needs, if no cap ends it.

    Args:
        optimizer: None for a run that only scores the prompt, on ``splits``.
        past: earlier runs of the project.
        judge: the checks, which may ask models; without it none does.

    Raises:
        SettingsError: a model that is asked is not named.
    """
    return _Forecaster(settings, dataset, past, judge).whole(optimizer, splits)


class _Forecaster:
    def __init__(
        self, settings: ProjectSettings, dataset: Dataset, past: History, judge: Judge | None
    ) -> None:
        self._judge = judge
        self._settings = settings
        self._dataset = dataset
        self._past = past
        self._seed = settings.seed_prompt
        self._at_once = 1
        self._notes: list[str] = []
        self._split_tokens: dict[Split, Spread] = {}

    def whole(self, optimizer: BaseOptimizer | None, splits: Sequence[Split]) -> ev.Forecast:
        plan = self._plan(optimizer) if optimizer else None
        self._at_once = plan.optimizer_at_once if plan else 1
        answers = self._of_run(plan) if optimizer else self._of_splits(splits)
        sent = sum((part.calls * self._each(part) for part in answers), NONE)
        calls = sum((part.calls for part in answers), NONE)
        roles: dict[ev.Role, Need] = {"target": self._need("target", Asked(calls, sent), self._answer())}
        if optimizer is not None:
            roles["optimizer"] = self._need("optimizer", self._optimizer(plan), self._reply(plan))
        for role, asked in self._others(optimizer, plan, answers).items():
            roles[role] = self._need(role, asked, self._other_reply(role))
        total = _together(list(roles.values()))
        seconds = _all_in_all(roles)
        self._notes.append("retries and people's edits are not counted")
        if self._settings.cache.reuse:
            self._notes.append("answers that are reused from earlier runs are free, and not taken off here")
        return ev.Forecast(
            roles=roles,
            total=total,
            seconds=seconds,
            iterations=plan.iterations if plan else None,
            cap=first_cap(self._settings.budget.limits(), roles, total, seconds),
            notes=[*self._sources(roles), *self._notes],
        )

    def _plan(self, optimizer: BaseOptimizer) -> Plan | None:
        data, settings = self._dataset, self._settings
        scale = Scale(
            train=len(data.train),
            validation=len(data.validation),
            shared=not data.held_back,
            prompt_chars=len(settings.prompt),
            task_chars=len(settings.task.description) + len(str(settings.task.output_format)),
            reply_tokens=settings.models["optimizer"].max_tokens,
            must_pass=sum(case.must_pass for case in data.train),
        )
        try:
            plan = optimizer.plan(scale)
        except Exception as error:  # somebody else's optimizer must not keep a run from starting
            self._notes.append(f"the optimizer's plan failed: {type(error).__name__}: {error}")
            return None
        if plan is None:
            self._notes.append(f"the optimizer {optimizer.name} states no plan: its search is not counted")
            return None
        return _with_iterations(plan, self._past.iterations)

    def _of_splits(self, splits: Sequence[Split]) -> list[Answers]:
        return [self._first(split, self._scored(split, splits)) for split in splits]

    def _of_run(self, plan: Plan | None) -> list[Answers]:
        """Baseline, search, and the sealed test of one prompt or of two."""
        baseline, one = self._scored("validation"), self._scored("test")
        found = [self._first("validation", baseline), self._first("test", one)]
        if plan is None:
            return [*found, Answers(None, _UNKNOWN, _UNKNOWN)]
        first, search = plan.first_target_calls, plan.target_calls
        # A winner that is not the seed is tested too: never if nothing is proposed.
        won = Spread.of(0, one.likely if plan.iterations.likely else 0, one.high)
        added = self._as_tokens(plan.added_chars)
        repeated = len(self._dataset.train) - self._scored("train").low
        first = Spread.of(max(0, first.low - repeated), first.likely, first.high)
        return [
            *found,
            self._first("train", first),
            self._later(None, search, added),
            self._later("test", won, added),
        ]

    def _first(self, split: Split, cases: Spread) -> Answers:
        """Answers to the first prompt. Several to one case may be the same, and are judged as one then."""
        calls = cases * self._repeats
        return Answers(split, calls, Spread.of(cases.low, calls.likely, calls.high))

    def _later(self, split: Split | None, cases: Spread, added: Spread) -> Answers:
        """Answers to prompts that are proposed; they may be those that an earlier prompt got."""
        calls = cases * self._repeats
        return Answers(split, calls, Spread.of(0, calls.likely, calls.high), added)

    @property
    def _repeats(self) -> Spread:
        return Spread.exactly(self._settings.evaluation.repeats)

    def _each(self, part: Answers) -> Spread:
        """Tokens of one request for such an answer."""
        return (self._either() if part.split is None else self._tokens(part.split)) + part.added

    def _others(
        self, optimizer: BaseOptimizer | None, plan: Plan | None, answers: Sequence[Answers]
    ) -> dict[ev.Role, Asked]:
        """What checks and the search ask of other models than target and optimizer."""
        asked = self._judge.asks if self._judge else frozenset[ev.Role]()
        searching = optimizer.asks if optimizer else frozenset[ev.Role]()
        if optimizer and optimizer.needs_judges:
            searching |= frozenset[ev.Role](["judge"])
        found: dict[ev.Role, Asked] = {}
        for role in roles_in_use("eval", asked | searching)[1:]:
            total = Asked(NONE, NONE)
            if self._judge and role in asked:
                total += Questions(self._settings, self._dataset, self._judge, self._answer()).of(
                    role, answers
                )
            if role in searching:
                question = plan.others.get(role) if plan else None
                if question is None:
                    total += Asked(_UNKNOWN, _UNKNOWN)
                else:
                    total += Asked(question.calls, question.calls * self._as_tokens(question.chars))
            seen = self._known(role)
            if seen and total.calls.likely is not None:
                likely = total.calls.likely * seen.prompt_tokens
                total = Asked(
                    total.calls, Spread.of(min(total.tokens.low, likely), likely, total.tokens.high)
                )
            found[role] = total
        return found

    def _optimizer(self, plan: Plan | None) -> Asked:
        if plan is None:
            return Asked(_UNKNOWN, _UNKNOWN)
        each = self._as_tokens(plan.optimizer_chars)
        seen = self._known("optimizer")
        if seen:
            each = Spread.of(min(each.low, seen.prompt_tokens), seen.prompt_tokens, each.high)
        return Asked(plan.optimizer_calls, plan.optimizer_calls * each)

    def _scored(self, split: Split, order: Sequence[Split] = ("validation", "train", "test")) -> Spread:
        """Calls that score one prompt on a split; cases equal to one before share its answer.

        Args:
            order: in which the splits are scored.
        """
        before = {_content(case) for one in order[: order.index(split)] for case in self._dataset[one]}
        fresh = len({_content(case) for case in self._dataset[split]} - before)
        return Spread(low=fresh, likely=fresh, high=len(self._dataset[split]))

    def _tokens(self, split: Split) -> Spread:
        """Tokens of one request with the first prompt, on average over a split."""
        if split not in self._split_tokens:
            self._split_tokens[split] = rendered(self._seed, some(self._dataset[split]))
        return self._split_tokens[split]

    def _either(self) -> Spread:
        """Tokens of one request on train or validation, whichever it is."""
        one, other = self._tokens("train"), self._tokens("validation")
        likely = ((one.likely or 0) + (other.likely or 0)) / 2
        return Spread.of(min(one.low, other.low), likely, max(one.high or 0, other.high or 0))

    def _as_tokens(self, chars: Spread) -> Spread:
        """Tokens of so many characters, in the script that the project is written in."""
        text = self._settings.prompt + self._settings.task.description
        wide = size_of(text) / max(1, len(text))
        return chars * Spread.of(1 / MOST_BYTES_PER_TOKEN, wide / BYTES_PER_TOKEN, max(1.0, wide))

    def _answer(self) -> Spread:
        """Tokens of one answer of the target model."""
        model = self._settings.models["target"]
        seen = self._known("target")
        if seen:
            return _between(seen.fewest, seen.completion_tokens, model.max_tokens)
        expected = [case.expected for case in some(tuple(self._dataset.cases())) if case.expected]
        if not expected:
            return _between(1, GUESSED_OUTPUT, model.max_tokens)
        size = sum(size_of(text) for text in expected) / len(expected)
        return _between(1, ceil(size / BYTES_PER_TOKEN), model.max_tokens)

    def _reply(self, plan: Plan | None) -> Spread:
        """Tokens of one reply of the optimizer model: whole prompts, and why."""
        model = self._settings.models["optimizer"]
        seen = self._known("optimizer")
        if seen:
            return _between(seen.fewest, seen.completion_tokens, model.max_tokens)
        prompts = plan.reply_prompts if plan else 1.0
        whole = prompts * (len(self._settings.prompt) // BYTES_PER_TOKEN + GUESSED_OUTPUT)
        return _between(1, whole, model.max_tokens)

    def _other_reply(self, role: ev.Role) -> Spread:
        """Tokens of one reply of a model beside target and optimizer."""
        if role == "embedding":
            return NONE
        seen, most = self._known(role), self._model(role).max_tokens
        if seen:
            return _between(seen.fewest, seen.completion_tokens, most)
        return _between(1, GUESSED_VERDICT if role == "judge" else GUESSED_OUTPUT, most)

    def _need(self, role: ev.Role, asked: Asked, answer: Spread) -> Need:
        sent, generated = asked.tokens, asked.calls * answer
        model = self._model(role)
        price = _price(model)
        usd = None if price is None else sent * _per_token(price.input) + generated * _per_token(price.output)
        if price is None:
            self._notes.append(f"the price of {model.model} is unknown, and so is cost")
            if {"usd", f"{role}_usd"} & self._settings.budget.limits().keys():
                self._notes.append(f"with a cap on USD a run does not start: give models.{role}.price")
        need = Need(
            calls=asked.calls.rounded(),
            prompt_tokens=sent.rounded(),
            completion_tokens=generated.rounded(),
            usd=usd.rounded(9) if usd else None,
        )
        return need.model_copy(update={"seconds": self._seconds(role, need)})

    def _seconds(self, role: ev.Role, need: Need) -> Spread:
        """Time in which calls are under way: many at once, the optimizer's as its plan says."""
        model = self._model(role)
        sizes = [len(self._dataset[split]) for split in SPLITS if self._dataset[split]]
        asked = [self._at_once] if role == "optimizer" else sizes
        at_once = max(1, min(model.max_concurrency, *asked, 10**6))
        spent = need.calls * self._latency(role, need) * Spread.exactly(1 / at_once)
        return _not_faster(spent, need, model).rounded(1)

    def _latency(self, role: ev.Role, need: Need) -> Spread:
        """Seconds of one call."""
        model, seen = self._model(role), self._known(role)
        if model.simulated:
            from promptopt.models.simulator.simulator import MODELS

            known = MODELS.get(model.model)
            mean = model.latency if model.latency is not None else known.latency if known else 0.0
            return Spread.of(mean / 3, mean, mean * 3)
        if seen:
            return Spread.of(seen.quickest, seen.latency, max(seen.latency, min(seen.slowest, model.timeout)))
        calls = need.calls.likely or 0
        tokens = (need.completion_tokens.likely or 0) / calls if calls else 0
        mean = min(model.timeout, 0.6 + tokens / 60)  # a first token, then what usual models generate
        return Spread.of(min(0.2, mean), mean, min(model.timeout, 5 * mean))

    def _known(self, role: ev.Role) -> Past | None:
        return self._past.models.get((role, self._model(role).model))

    def _model(self, role: ev.Role) -> ModelSettings:
        """The model of a role, of a panel of judges the first. Raises SettingsError."""
        return model_of(self._settings, role)

    def _sources(self, roles: dict[ev.Role, Need]) -> list[str]:
        """What the lengths of answers and the latencies come from."""
        said: list[str] = []
        for role in roles:
            seen = self._known(role)
            if seen:
                said.append(f"{role}: output and latency as in {seen.calls:,} calls of earlier runs")
            else:
                said.append(f"{role}: output and latency are guesses, no earlier run of this project has any")
        return said


def _together(needs: Sequence[Need]) -> Need:
    calls = sent = generated = NONE
    usd: Spread | None = NONE
    for need in needs:
        calls, sent, generated = (
            calls + need.calls,
            sent + need.prompt_tokens,
            generated + need.completion_tokens,
        )
        usd = None if usd is None or need.usd is None else usd + need.usd
    return Need(
        calls=calls,
        prompt_tokens=sent,
        completion_tokens=generated,
        usd=usd.rounded(9) if usd else None,
    )


def _all_in_all(roles: Mapping[ev.Role, Need]) -> Spread:
    """Running time: outputs are judged while others are on their way, the optimizer is asked in between."""
    scoring = [need.seconds or _UNKNOWN for role, need in roles.items() if role != "optimizer"]
    likely = [spread.likely for spread in scoring]
    both = Spread.of(
        max(spread.low for spread in scoring),
        None if None in likely else max(value or 0.0 for value in likely),
        sum(scoring, NONE).high,
    )
    searching = roles["optimizer"].seconds if "optimizer" in roles else NONE
    return (both + (searching or _UNKNOWN)).rounded(1)


def _with_iterations(plan: Plan, usual: float | None) -> Plan:
    """The plan with the number of iterations that earlier runs did, as far as it allows for it."""
    planned = plan.iterations.likely
    if usual is None or not planned or plan.iterations.high is None:
        return plan
    share = min(max(usual, plan.iterations.low), plan.iterations.high) / planned

    def as_usual(figure: Spread) -> Spread:
        likely = None if figure.likely is None else figure.likely * share
        capped = likely if likely is None or figure.high is None else min(likely, figure.high)
        return Spread.of(figure.low, capped, figure.high)

    return Plan(
        iterations=as_usual(plan.iterations),
        first_target_calls=plan.first_target_calls,
        target_calls=as_usual(plan.target_calls),
        optimizer_calls=as_usual(plan.optimizer_calls),
        added_chars=plan.added_chars,
        optimizer_chars=plan.optimizer_chars,
        reply_prompts=plan.reply_prompts,
        optimizer_at_once=plan.optimizer_at_once,
        others={
            role: Question(as_usual(question.calls), question.chars) for role, question in plan.others.items()
        },
    )


def _content(case: Example) -> tuple[tuple[str, str], ...]:
    """What a case puts into a request."""
    return tuple(case.inputs.items())


def _between(low: float, likely: float, most: int) -> Spread:
    """Tokens of an answer that ``max_tokens`` cuts off."""
    return Spread(low=min(low, likely, most), likely=min(likely, most), high=most)


def _price(model: ModelSettings) -> Price | None:
    if model.simulated and model.price is None:
        return Price(input=0.0, output=0.0)
    return lookup_price(model)


def _per_token(price: float) -> Spread:
    return Spread.exactly(price / 1_000_000)


def _not_faster(seconds: Spread, need: Need, model: ModelSettings) -> Spread:
    """At least the time that the project's limits per minute leave."""
    for rate, amount in (
        (model.requests_per_minute, need.calls),
        (model.tokens_per_minute, need.tokens),
    ):
        if rate:
            least = amount * Spread.exactly(60 / rate)
            likely = None if seconds.likely is None else max(seconds.likely, least.likely or 0)
            high = None if seconds.high is None else max(seconds.high, least.high or 0)
            seconds = Spread.of(max(seconds.low, least.low), likely, high)
    return seconds
