"""The simulated target's skills: what each part of an instruction is worth.

A reply needs three things to be right. *Vocabulary*: it uses the task's own labels or field names, and
leaves nothing out. *Form*: the answer stands alone, in the format wanted. *Judgement*: it is the right
answer. Each has a base chance, and each skill adds to one of them what the instruction earns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from promptopt.domain.dataset import Example
from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.oracle import Kind
from promptopt.models.simulator.reading import Instruction

Faculty = Literal["vocabulary", "form", "judgement"]
Trap = Literal["plain", "lookalike", "two topics", "edge"]

FACULTIES: tuple[Faculty, ...] = ("vocabulary", "form", "judgement")


@dataclass(frozen=True)
class Situation:
    """One case under one instruction.

    Attributes:
        terms: labels or field names that the right answer uses.
        rival: the term that it may be confused with; empty if there is none.
        trap: why the case is hard.
        topic: share of the words of the task's description that the instruction covers.
    """

    instruction: Instruction
    kind: Kind
    terms: tuple[str, ...]
    rival: str
    trap: Trap
    topic: float


@dataclass(frozen=True)
class Skill:
    """A part of an instruction, and what it is worth.

    Attributes:
        gain: added to the chance of the faculty at full cover; negative if it does harm.
        cover: how much of it the situation has, in [-1, 1].
        trap: the cases that it is made for; on others it is worth a sixth. None: all cases alike.
        kinds: the tasks that it matters for.
    """

    name: str
    faculty: Faculty
    gain: float
    cover: Callable[[Situation], float]
    trap: Trap | None = None
    kinds: tuple[Kind, ...] = ("label", "json", "text", "open")


BASE: dict[Kind, dict[Faculty, float]] = {
    "label": {"vocabulary": 0.70, "form": 0.72, "judgement": 0.0},
    "json": {"vocabulary": 0.52, "form": 0.34, "judgement": 0.0},
    "text": {"vocabulary": 0.68, "form": 0.60, "judgement": 0.0},
    "open": {"vocabulary": 0.60, "form": 0.62, "judgement": 0.0},
}
"""Chances of a model that was told next to nothing."""

TRAPS: dict[Trap, tuple[float, float]] = {
    "plain": (0.46, 0.94),
    "lookalike": (0.21, 0.52),
    "two topics": (0.20, 0.48),
    "edge": (0.13, 0.54),
}
"""Share of cases without a telling tag, and the chance of a right judgement without any help."""

_TAG_WORDS: tuple[tuple[str, Trap], ...] = (  # how a word of the tag starts
    ("two", "two topics"),
    ("mixed", "two topics"),
    ("ambig", "two topics"),
    ("lookalike", "lookalike"),
    ("confus", "lookalike"),
    ("edge", "edge"),
)


def _demand(name: str) -> Callable[[Situation], float]:
    return lambda s: float(name in s.instruction.demands)


def _own_terms_named(s: Situation) -> float:
    """1 if all of the case's terms are named; below 0 if only others are: then it picks from these."""
    known = s.instruction.named.keys() | s.instruction.shown
    share = _share(s.terms, known)
    return share if share or not known else -0.6


def _own_terms_shown(s: Situation) -> float:
    return _share(s.terms, s.instruction.shown)


def _defined(s: Situation) -> float:
    if s.kind in ("text", "open") or not s.terms:
        return s.topic
    own = _share(s.terms, s.instruction.defined)
    return 0.65 * own + 0.35 * (s.rival in s.instruction.defined) if s.rival else own


def _share(terms: tuple[str, ...], known: frozenset[str] | set[str]) -> float:
    return sum(term in known for term in terms) / len(terms) if terms else 0.0


SKILLS = (
    Skill("names the terms", "vocabulary", 0.29, _own_terms_named, kinds=("label", "json")),
    Skill("shows the terms", "vocabulary", 0.20, _own_terms_shown, kinds=("label",)),
    Skill("asks for all of it", "vocabulary", 0.16, _demand("complete"), kinds=("json", "text", "open")),
    Skill(
        "shows whole answers", "vocabulary", 0.12, lambda s: s.instruction.examples, kinds=("json", "text")
    ),
    Skill("keeps to the topic", "vocabulary", 0.12, lambda s: s.topic, kinds=("text", "open")),
    Skill("wants the answer alone", "form", 0.28, lambda s: s.instruction.bare),
    Skill("asks for JSON", "form", 0.36, _demand("json"), kinds=("json",)),
    Skill("limits the length", "form", 0.08, _demand("length")),
    Skill("shows the form", "form", 0.10, lambda s: s.instruction.examples),
    Skill("wants an explanation", "form", -0.45, _demand("explain")),
    Skill("wants thoughts first", "form", -0.22, _demand("steps")),
    Skill("pads", "form", -0.12, lambda s: s.instruction.padding),
    Skill("bloats", "form", -0.15, lambda s: s.instruction.bloat),
    Skill("says what terms mean", "judgement", 0.42, _defined, trap="lookalike"),
    Skill("breaks ties", "judgement", 0.44, _demand("tie_break"), trap="two topics"),
    Skill("covers edge cases", "judgement", 0.40, _demand("edge_cases"), trap="edge"),
    Skill("forbids inventions", "judgement", 0.12, _demand("grounded"), kinds=("json", "text", "open")),
    Skill("teaches by example", "judgement", 0.08, lambda s: s.instruction.examples),
    Skill("lets it think", "judgement", 0.05, _demand("steps")),
    Skill("gives a role", "judgement", 0.015, _demand("role")),
    Skill("contradicts itself", "judgement", -0.08, lambda s: float(s.instruction.contradicts_itself)),
    Skill("distracts", "judgement", -0.14, lambda s: s.instruction.padding),
    Skill("overloads", "judgement", -0.25, lambda s: s.instruction.bloat),
)

_OFF_TARGET = 1 / 6
_BEST = 0.985


def chances(situation: Situation, talent: float) -> dict[Faculty, float]:
    """The chance of each faculty to do its part, for a model of some ``talent`` (0: usual)."""
    found = dict(BASE[situation.kind])
    found["judgement"] = TRAPS[situation.trap][1]
    for skill in SKILLS:
        if situation.kind not in skill.kinds:
            continue
        on_target = skill.trap is None or skill.trap == situation.trap
        found[skill.faculty] += skill.gain * (1.0 if on_target else _OFF_TARGET) * skill.cover(situation)
    found["judgement"] += talent
    found["form"] += talent
    return {faculty: max(0.02, min(_BEST, chance)) for faculty, chance in found.items()}


def trap_of(case: Example, dice: Dice) -> Trap:
    """Why ``case`` is hard: as its tags say, else fixed by its content."""
    for tag in case.tags:
        for start, trap in _TAG_WORDS:
            if any(word.startswith(start) for word in tag.casefold().split()):
                return trap
    return dice.pick_weighted([(trap, share) for trap, (share, _) in TRAPS.items()], "trap")
