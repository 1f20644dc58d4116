"""What a run will need, told before anything is sent: calls, tokens, USD, time, and which cap ends it first.

Prompts are rendered on the actual cases. A token is likely four bytes, and at most one byte; output lengths
and latencies are those of earlier runs of the project where there are some, else guesses that say so. Retries
are left out. (Calibrating on the project's own calls, and stating the upper bound beside the likely figure:
what GEPA's and dspy's budget estimates lack, which count calls only.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from promptopt.domain import events as ev
from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import SPLITS, Dataset, Example, Split
from promptopt.domain.forecast import NONE, CapReached, Need, Plan, Scale, Spread
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import ModelSettings, Price, ProjectSettings
from promptopt.models.prices import lookup_price
from promptopt.optimizers.base import BaseOptimizer
from promptopt.store.history import History, Past

BYTES_PER_TOKEN = 4
"""Of English text, about; others have fewer."""

MOST_BYTES_PER_TOKEN = 8
"""No common tokenizer does better on texts that people write."""

RENDERED = 2000
"""Cases of a split that are rendered; of more, as many, evenly spread."""

GUESSED_OUTPUT = 200
"""Tokens of an answer of which nothing is known."""

_UNKNOWN = Spread(low=0, likely=None, high=None)


def forecast(
    settings: ProjectSettings,
    dataset: Dataset,
    optimizer: BaseOptimizer | None,
    past: History,
    splits: Sequence[Split] = SPLITS,
) -> ev.Forecast:
    """What a run of these settings on these cases needs, if no cap ends it.

    Args:
        optimizer: None for a run that only scores the prompt, on ``splits``.
        past: earlier runs of the project.
    """
    return _Forecaster(settings, dataset, past).whole(optimizer, splits)


@dataclass(frozen=True)
class _Asked:
    """Calls to one model, and the tokens that are sent with them."""

    calls: Spread
    tokens: Spread

    def __add__(self, other: "_Asked") -> "_Asked":
        return _Asked(self.calls + other.calls, self.tokens + other.tokens)


class _Forecaster:
    def __init__(self, settings: ProjectSettings, dataset: Dataset, past: History) -> None:
        self._settings = settings
        self._dataset = dataset
        self._past = past
        self._seed = Prompt(text=settings.prompt)
        self._notes: list[str] = []
        self._split_tokens: dict[Split, Spread] = {}

    def whole(self, optimizer: BaseOptimizer | None, splits: Sequence[Split]) -> ev.Forecast:
        plan = self._plan(optimizer) if optimizer else None
        target = self._target(plan) if optimizer else self._eval(splits)
        roles: dict[ev.Role, Need] = {"target": self._need("target", target, self._answer())}
        if optimizer is not None:
            roles["optimizer"] = self._need("optimizer", self._optimizer(plan), self._reply(plan))
        total = _together(list(roles.values()))
        seconds = self._seconds(roles, plan)
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

    def _eval(self, splits: Sequence[Split]) -> _Asked:
        asked = _Asked(NONE, NONE)
        for split in splits:
            calls = self._scored(split)
            asked += _Asked(calls, calls * self._tokens(split))
        return asked

    def _target(self, plan: Plan | None) -> _Asked:
        """Baseline, search, and the sealed test of one prompt or of two."""
        baseline, one = self._scored("validation"), self._scored("test")
        asked = _Asked(baseline, baseline * self._tokens("validation"))
        asked += _Asked(one, one * self._tokens("test"))
        if plan is None:
            return asked + _Asked(_UNKNOWN, _UNKNOWN)
        first, search = plan.first_target_calls, plan.target_calls
        # A winner that is not the seed is tested too: never if nothing is proposed.
        won = Spread.of(0, one.likely if plan.iterations.likely else 0, one.high)
        added = self._as_tokens(plan.added_chars)
        repeated = len(self._dataset.train) - self._scored("train").low
        first = Spread.of(max(0, first.low - repeated), first.likely, first.high)
        asked += _Asked(first, first * self._tokens("train"))
        asked += _Asked(search, search * (self._either() + added))
        return asked + _Asked(won, won * (self._tokens("test") + added))

    def _optimizer(self, plan: Plan | None) -> _Asked:
        if plan is None:
            return _Asked(_UNKNOWN, _UNKNOWN)
        each = self._as_tokens(plan.optimizer_chars)
        seen = self._known("optimizer")
        if seen:
            each = Spread.of(min(each.low, seen.prompt_tokens), seen.prompt_tokens, each.high)
        return _Asked(plan.optimizer_calls, plan.optimizer_calls * each)

    def _scored(self, split: Split) -> Spread:
        """Calls that score one prompt on a split; cases equal to one before share its answer."""
        order: tuple[Split, ...] = ("validation", "train", "test")
        before = {_content(case) for one in order[: order.index(split)] for case in self._dataset[one]}
        fresh = len({_content(case) for case in self._dataset[split]} - before)
        return Spread(low=fresh, likely=fresh, high=len(self._dataset[split]))

    def _tokens(self, split: Split) -> Spread:
        """Tokens of one request with the first prompt, on average over a split."""
        if split not in self._split_tokens:
            self._split_tokens[split] = _rendered(self._seed, _some(self._dataset[split]))
        return self._split_tokens[split]

    def _either(self) -> Spread:
        """Tokens of one request on train or validation, whichever it is."""
        one, other = self._tokens("train"), self._tokens("validation")
        likely = ((one.likely or 0) + (other.likely or 0)) / 2
        return Spread.of(min(one.low, other.low), likely, max(one.high or 0, other.high or 0))

    def _as_tokens(self, chars: Spread) -> Spread:
        """Tokens of so many characters, in the script that the project is written in."""
        text = self._settings.prompt + self._settings.task.description
        wide = len(text.encode("utf-8", "surrogatepass")) / max(1, len(text))
        return chars * Spread.of(1 / MOST_BYTES_PER_TOKEN, wide / BYTES_PER_TOKEN, max(1.0, wide))

    def _answer(self) -> Spread:
        """Tokens of one answer of the target model."""
        model = self._settings.models["target"]
        seen = self._known("target")
        if seen:
            return _between(seen.fewest, seen.completion_tokens, model.max_tokens)
        expected = [case.expected for case in _some(tuple(self._dataset.cases())) if case.expected]
        if not expected:
            return _between(1, GUESSED_OUTPUT, model.max_tokens)
        size = sum(len(text.encode("utf-8", "surrogatepass")) for text in expected) / len(expected)
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

    def _need(self, role: ev.Role, asked: _Asked, answer: Spread) -> Need:
        sent, generated = asked.tokens, asked.calls * answer
        price = _price(self._settings.models[role])
        usd = None if price is None else sent * _per_token(price.input) + generated * _per_token(price.output)
        if price is None:
            self._notes.append(f"the price of {self._settings.models[role].model} is unknown, and so is cost")
            if {"usd", f"{role}_usd"} & self._settings.budget.limits().keys():
                self._notes.append(f"with a cap on USD a run does not start: give models.{role}.price")
        return Need(
            calls=asked.calls.rounded(),
            prompt_tokens=sent.rounded(),
            completion_tokens=generated.rounded(),
            usd=usd.rounded(6) if usd else None,
        )

    def _seconds(self, roles: dict[ev.Role, Need], plan: Plan | None) -> Spread:
        """Running time: targets many at once, the optimizer's calls as its plan says."""
        seconds = NONE
        for role, need in roles.items():
            model = self._settings.models[role]
            sizes = [len(self._dataset[split]) for split in SPLITS if self._dataset[split]]
            asked = [plan.optimizer_at_once if plan else 1] if role == "optimizer" else sizes
            at_once = max(1, min(model.max_concurrency, *asked, 10**6))
            spent = need.calls * self._latency(role, need) * Spread.exactly(1 / at_once)
            seconds += _not_faster(spent, need, model)
        return seconds.rounded(1)

    def _latency(self, role: ev.Role, need: Need) -> Spread:
        """Seconds of one call."""
        model, seen = self._settings.models[role], self._known(role)
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
        return self._past.models.get((role, self._settings.models[role].model))

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


def first_cap(
    limits: dict[str, float], roles: dict[ev.Role, Need], total: Need, seconds: Spread
) -> CapReached | None:
    """The cap that ends the run first, if use grows evenly; None if none does, as far as is known."""
    needs = _by_cap(roles, total, seconds)
    for level in ("low", "likely", "high"):
        over: list[tuple[float, str, float]] = []
        for name, limit in limits.items():
            need: float | None = getattr(needs[name], level) if name in needs else None
            if need is not None and need > limit:
                over.append((need / limit, name, need))
        if over:
            _, name, need = max(over)
            likely = needs[name].likely
            return CapReached(
                name=name,
                limit=limits[name],
                needed=likely if level == "low" and likely is not None else need,
                certain=level == "low",
                expected=level != "high",
            )
    return None


def _by_cap(roles: dict[ev.Role, Need], total: Need, seconds: Spread) -> dict[str, Spread]:
    """Needs by the name of the cap on them."""
    found = {"minutes": seconds * Spread.exactly(1 / 60)}
    for prefix, need in (("", total), *((f"{role}_", need) for role, need in roles.items())):
        found[f"{prefix}calls"] = need.calls
        found[f"{prefix}tokens"] = need.tokens
        if need.usd is not None:
            found[f"{prefix}usd"] = need.usd
    return found


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
        usd=usd.rounded(6) if usd else None,
    )


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
    )


def _some(cases: Sequence[Example]) -> Sequence[Example]:
    """All cases, or as many as are rendered, evenly spread."""
    return cases if len(cases) <= RENDERED else cases[:: ceil(len(cases) / RENDERED)]


def _content(case: Example) -> tuple[tuple[str, str], ...]:
    """What a case puts into a request."""
    return tuple(case.inputs.items())


def _rendered(prompt: Prompt, cases: Sequence[Example]) -> Spread:
    """Tokens of a prompt with a case, on average."""
    if not cases:
        return NONE
    size = bound = 0
    for case in cases:
        request = ChatRequest(model="", messages=tuple(prompt.render(case)))
        bound += request.token_bound()
        size += sum(len(m.content.encode("utf-8", "surrogatepass")) for m in request.messages)
    mean = size / len(cases)
    return Spread.of(mean / MOST_BYTES_PER_TOKEN, mean / BYTES_PER_TOKEN, bound / len(cases))


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
