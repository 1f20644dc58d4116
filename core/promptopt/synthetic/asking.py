"""Asking the generator model for something of a certain form, inside a cap that is told beforehand."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from promptopt.domain.chat import ChatRequest
from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.errors import CallFailed, ModelError
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ModelSettings
from promptopt.domain.text import storable
from promptopt.evaluation.client import LLMClient
from promptopt.models.prices import cost, lookup_price

T = TypeVar("T")

TRIES = 3
"""Replies that are asked for at most, if they can't be used."""

LONGEST = 500_000
"""Characters of a reply; of a longer one nothing is read."""


class Unusable(ValueError):
    """A reply that is not what was asked for; the message says why, for the model."""


@dataclass(frozen=True)
class Quote:
    """What asking may take at most, told before anything is sent.

    Attributes:
        model: whom.
        calls: most calls.
        usd: most US dollars; None if the price is unknown.
        simulated: the model is a simulation.
    """

    model: str
    calls: int
    usd: float | None
    simulated: bool


@dataclass(frozen=True)
class Given:
    """What came of it. ``usd`` None: the price is unknown."""

    calls: int
    usd: float | None


def quote(model: ModelSettings, messages: Sequence[Message]) -> Quote:
    """What :func:`ask_for` may take at most: a request that is sent again has a correction at its end."""
    price = lookup_price(model)
    usd = None
    if price is not None:
        bound = ChatRequest(model=model.model, messages=tuple(messages)).token_bound()
        usd = cost(price, TRIES * bound + (TRIES - 1) * _CORRECTION, TRIES * model.max_tokens)
    return Quote(model.model, TRIES, 0.0 if model.simulated else usd, model.simulated)


QUOTED = 2_000
"""Characters of a reply that a correction quotes."""

_CORRECTION = 4 * QUOTED + 1_000
"""Tokens of a correction at most: a byte is a token at most, a character four bytes."""


def ask_for(
    model: ModelSettings,
    messages: Sequence[Message],
    read: Callable[[str], T],
    compliance: ComplianceSettings | None = None,
) -> tuple[T, Given]:
    """Ask for something that ``read`` can read, at most ``TRIES`` times, never above :func:`quote`.

    Args:
        compliance: what may be sent, by the project.

    Raises:
        ModelError: the model can't be called, or gave no usable reply.
    """
    most = quote(model, messages)
    caps: dict[str, float] = {"calls": most.calls}
    if most.usd:
        caps["usd"] = most.usd
    own = model.model_dump(exclude={"model", "name", "weight"}, exclude_defaults=True)
    asked, calls, spent = list(messages), 0, 0.0
    with LLMClient("", model.model, budget=caps, compliance=compliance, **own) as client:
        fault = "no reply"
        for _ in range(TRIES):
            try:
                response = client.generate(asked)
            except CallFailed as error:
                raise ModelError(f"the model gave no answer: {error}", where=model.model) from error
            calls += 1
            spent = spent + response.cost if response.cost is not None else spent
            try:
                found = read(response.text)
            except Unusable as error:
                fault = str(error)
                asked = [
                    *messages,
                    Message(role="assistant", content=response.text[:QUOTED] or "(empty)"),
                    Message(
                        role="user", content=f"That can't be used: {fault[:200]}. Answer with the JSON alone."
                    ),
                ]
            else:
                return found, Given(calls, spent if most.usd is not None else None)
    raise ModelError(
        f"none of its {calls} replies could be used: {fault}",
        where=model.model,
        fix="try again, ask for less, or take a stronger model",
    )


def table_in(reply: str, key: str) -> dict[str, Any]:
    """The largest JSON object in a reply that has ``key``; talk and a fence around it are no fault.

    Raises:
        Unusable: there is none.
    """
    if len(reply) > LONGEST:
        raise Unusable(f"it is longer than {LONGEST:,} characters")
    decoder = json.JSONDecoder(strict=False)
    best: tuple[int, dict[str, Any]] = (0, {})
    place = 0
    for match in re.finditer(r"\{", reply):
        if match.start() < place:
            continue
        try:
            value, place = decoder.raw_decode(reply, match.start())
        except (ValueError, RecursionError):
            continue
        size = place - match.start()
        if isinstance(value, dict) and key in value and size > best[0]:
            best = (size, cast("dict[str, Any]", value))
    if not best[0]:
        raise Unusable(f'it holds no JSON object with "{key}"')
    return best[1]


def text_at(table: dict[str, Any], key: str) -> str:
    """A text of a reply, fit to be stored; anything else as JSON, nothing as ""."""
    value = table.get(key)
    if value is None:
        return ""
    return storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)).strip()
