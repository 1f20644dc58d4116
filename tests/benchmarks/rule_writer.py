"""An optimizer model for landscapes: it reads a request as optimizers of promptopt word it, and has ideas.

With the chance of its insight an idea is a rule that helps with the kinds of inputs that it sees fail;
otherwise it is any rule. It mostly leaves alone what it reads has failed before. It is the same for all.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Protocol

_PHRASES = (
    "Mind the {} first.",
    "Always check the {} before you answer.",
    "The {} decides in doubtful inputs.",
    "Look closely at the {} and weigh it.",
)
_VAIN = re.compile(r"rejected|fell behind|no gain|broke a case")
_HEEDS = 0.8
_DROPS = 0.12
_TWO = 0.25


class World(Protocol):
    """What the model knows of the task: which rules there are, and, with insight, what they do."""

    insight: float

    @property
    def rules(self) -> Any: ...
    def roll(self, *parts: object) -> float: ...
    def said(self, text: str) -> list[str]: ...


@dataclass
class _Reader:
    """One request, read.

    Attributes:
        current: the prompt to improve.
        failing: kind of input to how often it is shown.
        vain: subjects of rules that were tried without gain.
        named: subjects that lessons recommend, and that they advise against, by the lesson's id.
    """

    world: World
    request: str
    current: str = field(init=False)
    failing: dict[str, int] = field(init=False)
    vain: set[str] = field(init=False)
    lessons: dict[str, tuple[list[str], bool]] = field(init=False)

    def __post_init__(self) -> None:
        self.current = _last("current_prompt", self.request)
        shown = re.findall(r"about an? (\w+)\.", _last("feedback", self.request))
        self.failing = {kind: shown.count(kind) for kind in shown}
        outside = re.sub(r"<current_prompt>.*?</current_prompt>", "", self.request, flags=re.DOTALL)
        lines = [line for line in outside.splitlines() if _VAIN.search(line)]
        self.vain = {subject for line in lines for subject in self.world.said(line)}
        found = re.findall(r"^(L\d+): (.*)$", self.request, re.MULTILINE)
        self.lessons = {name: (self.world.said(text), "leave out" not in text) for name, text in found}
        self.vain |= {one for subjects, good in self.lessons.values() if not good for one in subjects}

    def roll(self, *parts: object) -> float:
        return self.world.roll("idea", self.request, *parts)

    def idea(self, place: object, but: Collection[str]) -> str:
        """The subject of a rule to add."""
        free = [rule for rule in self.world.rules if rule.subject not in but]
        heeded = [r for r in free if r.subject not in self.vain or self.roll(place, r.subject) >= _HEEDS]
        free = heeded or free or list(self.world.rules)
        if self.roll(place, "insight") < self.world.insight:
            total = sum(self.failing.values())
            worth = [
                sum(times * max(0.0, rule.kinds.get(kind, 0.0)) for kind, times in self.failing.items())
                + 0.5 * total * rule.general
                for rule in free
            ]
            good = [(rule, value) for rule, value in zip(free, worth, strict=True) if value > 0]
            left = self.roll(place, "which") * sum(value for _, value in good)
            for rule, value in good:
                left -= value
                if left < 0:
                    return rule.subject
        return free[int(self.roll(place, "any") * len(free))].subject


def propose(world: World, request: str) -> str:
    """The reply: a prompt, several of them, or lessons, as the request asks."""
    if '"operations"' in request:
        return json.dumps({"operations": _lessons(world, request)})
    reader = _Reader(world, request)
    if '"variants"' not in request:
        return json.dumps(_version(reader, "one", ()))
    made: list[dict[str, Any]] = []
    taken: set[str] = set()
    for number, asked in _slots(request):
        version = _asked_for(reader, number, asked) or _version(reader, number, taken, "explore" in asked)
        taken |= set(world.said(version["prompt"])) - set(world.said(reader.current))
        made.append({"slot": number, "lessons": [], **version})
    return json.dumps({"variants": made})


def _asked_for(reader: _Reader, number: int, asked: str) -> dict[str, Any] | None:
    """What a slot's own words lead to, if anything."""
    have = reader.world.said(reader.current)
    if asked.startswith("apply"):
        named = re.findall(r"L\d+", asked)
        known = [reader.lessons[name] for name in named if name in reader.lessons]
        add = [one for subjects, good in known if good for one in subjects if one not in have]
        drop = [one for subjects, good in known if not good for one in subjects if one in have]
        if add or drop:
            prompt = _with(reader, number, reader.current, add)
            return _reply(_without(reader, prompt, drop), "lessons on", add + drop) | {"lessons": named}
    if asked.startswith("take over"):
        add = [one for one in reader.world.said(_last("other_prompt", reader.request)) if one not in have][:3]
        if add:
            return _reply(_with(reader, number, reader.current, add), "took over rules on", add)
    if asked.startswith("make it clearly shorter") and have:
        gone = have[int(reader.roll(number, "gone") * len(have))]
        return _reply(_without(reader, reader.current, [gone]), "left out the rule on", [gone])
    return None


def _version(reader: _Reader, place: object, but: Collection[str], more: bool = False) -> dict[str, Any]:
    """The current prompt with a rule more, or two, or one less."""
    have = reader.world.said(reader.current)
    if have and reader.roll(place, "drop") < _DROPS:
        gone = have[int(reader.roll(place, "gone") * len(have))]
        return _reply(_without(reader, reader.current, [gone]), "left out the rule on", [gone])
    added = [reader.idea(place, {*have, *but})]
    if reader.roll(place, "two") < (2 * _TWO if more else _TWO):
        added.append(reader.idea(f"{place} too", {*have, *but, *added}))
    return _reply(_with(reader, place, reader.current, added), "added a rule on", added)


def _lessons(world: World, request: str) -> list[dict[str, Any]]:
    """What the better prompt has more or less, with the cases that it won."""
    difference = _last("difference", request)
    more = world.said(" ".join(re.findall(r"\{\+(.*?)\+\}", difference, re.DOTALL)))
    less = world.said(" ".join(re.findall(r"\[-(.*?)-\]", difference, re.DOTALL)))
    won = re.findall(r"^Case (C\d+) \(the better one won\)", request, re.MULTILINE)[:3]
    said = [f"have a rule on the {one}" for one in more if one not in less]
    said += [f"leave out rules on the {one}" for one in less if one not in more]
    return [{"op": "ADD", "when": "", "do": what, "evidence_cases": won} for what in said[:2]]


def _slots(request: str) -> list[tuple[int, str]]:
    found = [(int(n), asked) for n, asked in re.findall(r"^slot (\d+): (.*)$", request, re.MULTILINE)]
    again = re.findall(r"for the slots ([\d, ]+)\.", request)
    wanted = {int(number) for number in again[-1].split(",")} if again else {number for number, _ in found}
    return [(number, asked) for number, asked in found if number in wanted]


def _with(reader: _Reader, place: object, prompt: str, subjects: Collection[str]) -> str:
    rules = [_PHRASES[int(reader.roll(place, "phrase", one) * len(_PHRASES))].format(one) for one in subjects]
    return "\n".join([prompt, *rules])


def _without(reader: _Reader, prompt: str, subjects: Collection[str]) -> str:
    first, *rest = prompt.split("\n")
    return "\n".join([first, *(line for line in rest if not set(reader.world.said(line)) & set(subjects))])


def _reply(prompt: str, what: str, subjects: Collection[str]) -> dict[str, Any]:
    return {"prompt": prompt, "reasoning": f"{what} {' and '.join(subjects)}", "confidence": 0.5}


def _last(name: str, text: str) -> str:
    found = re.findall(rf"<{name}>\n(.*?)\n</{name}>", text, re.DOTALL)
    return found[-1] if found else ""
