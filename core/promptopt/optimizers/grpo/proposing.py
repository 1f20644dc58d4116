"""Asking for a group of variants: one request for all, and again only for those that can't be used."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from promptopt.domain.errors import CallFailed
from promptopt.domain.prompt import Message, Prompt
from promptopt.evaluation.together import together
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.grpo.trust import distance
from promptopt.optimizers.grpo.wording import Brief, Slot, correction, request, shown_reply
from promptopt.optimizers.proposals import Malformed, Proposal, Rules, parse_proposal

_CHARS_PER_TOKEN = 3.0
_FRAME_TOKENS = 150
"""Of a variant in a reply, beside the prompt itself."""

_ROOM_FOR_REPLY = 0.9
_LONGEST_REPLY = 200_000


@dataclass(frozen=True)
class Variant:
    """A variant that can be used.

    Attributes:
        slot: what it was asked for.
        prompt: with the demonstrations of its parent.
        lessons: ids of lessons that its writer says to have applied.
    """

    slot: Slot
    prompt: Prompt
    reasoning: str
    confidence: float | None
    lessons: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """What variants must keep.

    Attributes:
        rules: of any proposal.
        furthest: distance to the parent, but for variants that explore.
        tries: requests, the first included.
    """

    rules: Rules
    furthest: float
    tries: int


async def propose(
    context: RunContext,
    number: int,
    brief: Brief,
    slots: Sequence[Slot],
    tried: Sequence[Prompt],
    limits: Limits,
) -> list[Variant]:
    """The usable variants of a group, in the order of their slots; those that can't be had are left out.

    One request asks for all, or, where their prompts would not fit into one reply, as few as can be.

    Args:
        number: of the group; it names the place in the journal.
        tried: prompts that must not be repeated.
    """
    parts = _parts(slots, brief.parent, context.settings.models["optimizer"].max_tokens)
    found = await together(
        _Asking(context, number, place, brief, tried, limits).ask(part) for place, part in enumerate(parts)
    )
    group: list[Variant] = []
    for variant in (variant for part in found for variant in part):
        proposal = Proposal(variant.prompt.text, "", None)
        others = [other.prompt for other in group]
        if len(parts) > 1 and (fault := limits.rules.objection(proposal, others)):
            context.refused(number, 1, f"slot {variant.slot.number}: {fault}")
        else:
            group.append(variant)
    return group


class _Asking:
    """One conversation: a request, and corrections until all its variants can be used, or tries are up."""

    def __init__(
        self,
        context: RunContext,
        number: int,
        place: int,
        brief: Brief,
        tried: Sequence[Prompt],
        limits: Limits,
    ) -> None:
        self._context = context
        self._number = number
        self._place = f"propose/{number}/{place}" if place else f"propose/{number}"
        self._brief = brief
        self._tried = tried
        self._limits = limits
        self._known = {lesson.id for lesson in brief.lessons}

    async def ask(self, slots: Sequence[Slot]) -> list[Variant]:
        usable: dict[int, Variant] = {}
        missing: tuple[Slot, ...] = tuple(slots)
        messages = request(self._brief, slots)
        for attempt in range(1, self._limits.tries + 1):
            try:
                response = await self._context.complete(
                    "optimizer", messages, path=f"{self._place}/{attempt}"
                )
            except CallFailed as failure:
                self._context.refused(self._number, attempt, f"no reply: {failure}")
                continue
            faults: list[tuple[Slot, str]] = self._read(response.text, missing, usable)
            faults += await self._not_admitted([slot for slot in missing if slot.number in usable], usable)
            if not faults:
                break
            self._context.refused(self._number, attempt, _told(faults, len(slots)))
            missing = tuple(slot for slot, _ in faults)
            messages = [
                *messages,
                Message(role="assistant", content=shown_reply(response.text)),
                Message(role="user", content=correction(faults)),
            ]
        return [usable[slot.number] for slot in slots if slot.number in usable]

    async def _not_admitted(
        self, slots: Sequence[Slot], usable: dict[int, Variant]
    ) -> list[tuple[Slot, str]]:
        """Take out of ``usable`` what people do not let be scored; return that, and why."""
        found = await together(self._why_not(usable[slot.number]) for slot in slots)
        refused = [(slot, why_not) for slot, why_not in zip(slots, found, strict=True) if why_not]
        for slot, _ in refused:
            del usable[slot.number]
        return refused

    async def _why_not(self, variant: Variant) -> str:
        return await self._context.admit(
            variant.prompt,
            iteration=self._number,
            parent=self._brief.parent,
            reasoning=f"{variant.slot.operator}: {variant.reasoning}",
        )

    def _read(
        self, reply: str, missing: Sequence[Slot], usable: dict[int, Variant]
    ) -> list[tuple[Slot, str]]:
        """Put what can be used into ``usable``; return what can't, and why."""
        items = read_variants(reply, [slot.number for slot in missing])
        faults: list[tuple[Slot, str]] = []
        for slot in missing:
            read = self._variant(slot, items.get(slot.number), [v.prompt for v in usable.values()])
            if isinstance(read, Variant):
                usable[slot.number] = read
            else:
                faults.append((slot, read))
        return faults

    def _variant(self, slot: Slot, item: dict[str, Any] | None, others: Sequence[Prompt]) -> Variant | str:
        if item is None:
            return "it is missing from the reply"
        try:
            proposal = parse_proposal(json.dumps(item))
        except Malformed as fault:
            return str(fault)
        fault = self._limits.rules.objection(proposal, [*self._tried, *others])
        if fault is None and slot.operator != "explore" and self._astray(proposal.prompt):
            fault = "it changes more of the prompt than the strategy needs; keep more of the current text"
        if fault is not None:
            return fault
        named = item.get("lessons")
        applied = [str(one) for one in cast("list[Any]", named)] if isinstance(named, list) else []
        return Variant(
            slot=slot,
            prompt=Prompt(text=proposal.prompt, demonstrations=self._brief.parent.demonstrations),
            reasoning=proposal.reasoning,
            confidence=proposal.confidence,
            lessons=tuple(one for one in dict.fromkeys(applied) if one in self._known),
        )

    def _astray(self, text: str) -> bool:
        """Whether a text is too far from the parent, and from what it was merged with."""
        near = [self._brief.parent, *([self._brief.partner] if self._brief.partner else [])]
        return min(distance(text, prompt.text) for prompt in near) > self._limits.furthest


def _told(faults: Sequence[tuple[Slot, str]], asked: int) -> str:
    """What could not be used, in one line: equal faults together."""
    alike: dict[str, list[str]] = {}
    for slot, fault in faults:
        alike.setdefault(fault, []).append(f"{slot.number} ({slot.operator})")
    told = "; ".join(f"slot {', '.join(slots)}: {fault}" for fault, slots in alike.items())
    return f"{len(faults)} of {asked} variants: {told}"


def read_variants(reply: str, slots: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Slot to the variant for it, as far as a reply has them.

    Prose around the JSON is tolerated, and a reply that was cut off gives the variants that are whole. One
    whose slot is not among ``slots``, or is taken, gets the first that is left over.
    """
    found = list(_variants(reply[:_LONGEST_REPLY]))
    placed: dict[int, dict[str, Any]] = {}
    rest: list[dict[str, Any]] = []
    for item in found:
        slot = item.get("slot")
        if isinstance(slot, int) and slot in slots and slot not in placed:
            placed[slot] = item
        elif not isinstance(slot, int):
            rest.append(item)
    free = [slot for slot in slots if slot not in placed]
    return placed | dict(zip(free, rest, strict=False))


def _variants(reply: str) -> Iterator[dict[str, Any]]:
    """Objects with a ``prompt`` in a text, those in a list of variants too, in their order."""
    decoder = json.JSONDecoder(strict=False)
    position = 0
    for match in re.finditer(r"\{", reply):
        if match.start() < position:
            continue
        try:
            value, position = decoder.raw_decode(reply, match.start())
        except (json.JSONDecodeError, RecursionError):
            continue
        yield from _in(value)


def _in(value: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(value, dict):
        return
    table = cast("dict[str, Any]", value)
    inside = table.get("variants")
    if isinstance(inside, list):
        for item in cast("list[Any]", inside):
            yield from _in(item)
    elif "prompt" in table:
        yield table


def replies(variants: int, chars: int, max_tokens: int) -> int:
    """Replies that so many variants of so many characters take, if each has at most ``max_tokens``."""
    each = chars / _CHARS_PER_TOKEN * 1.2 + _FRAME_TOKENS
    return math.ceil(variants / max(1, int(_ROOM_FOR_REPLY * max_tokens / each)))


def _parts(slots: Sequence[Slot], parent: Prompt, max_tokens: int) -> list[Sequence[Slot]]:
    """Slots in as few parts as fit into replies of ``max_tokens``, of about equal size."""
    size = math.ceil(len(slots) / replies(len(slots), len(parent.text), max_tokens))
    return [slots[at : at + size] for at in range(0, len(slots), size)]
