"""What an instruction says, found by reading its text.

The simulated target answers by it; the simulated optimizer uses it to see what a prompt still lacks.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_ANY_CASE = re.IGNORECASE


def _any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), _ANY_CASE)


NO_MORE = _any_of(
    r"\b(?:no|without(?: any)?|omit|skip) (?:explanations?|reasons?|reasoning|prose|preamble|introduction)\b",
    r"\b(?:no|without(?: any)?|omit|skip) (?:comments?|commentary|punctuation|quotes|markdown)\b",
    r"\b(?:no|without(?: any)?|omit|skip) (?:extra|other|additional|further)\b",
    r"\b(?:do not|don't|never) (?:explain|add|write|include|repeat|justify|comment|wrap|say)\b",
)
"""Things that the answer shall not have."""

BARE = _any_of(
    NO_MORE.pattern,
    r"\b(?:answer|respond|reply|return|output|write|give|print)\b[^.\n]{0,40}?\b(?:only|just|exactly)\b",
    r"\b(?:only|just)\s+(?:the|one|a|with|its|return|output|answer|reply)\b",
    r"\bnothing (?:else|more)\b",
    r"\b(?:one|single) word\b",
    r"\bno more than (?:the|one|a)\b",
)
"""Demands that nothing but the answer is written."""

DEMANDS = {
    "explain": _any_of(
        r"\bexplain|\bjustify|\belaborate|\bin detail\b",
        r"\bgive (?:your )?reasons?\b|\bwalk .{0,20}through",
    ),
    "steps": _any_of(
        r"\bstep[ -]by[ -]step\b|\breason(?:ing)? first\b",
        r"\bthink (?:aloud|out loud|carefully|it through)\b",
    ),
    "json": _any_of(r"\bjson\b"),
    "tie_break": _any_of(
        r"\btie\b|\bpriority\b|\bprecedence\b|\bwhen (?:unsure|in doubt|torn)",
        r"\bif (?:it|there|a|the|both|two|several|more)\b[^.\n]{0,60}"
        r"\b(?:both|two|several|more than one|multiple)\b",
        r"\b(?:main|first|primary) (?:topic|problem|request|issue|intent|concern|question)\b",
    ),
    "edge_cases": _any_of(
        r"\bedge cases?\b|\bunclear\b|\bvague\b|\bempty\b|\boff[ -]topic\b|\bvery short\b|\beven if\b",
        r"\bsarcas|\bmisspel|\btypos?\b|\bangry\b|\b(?:any|other|another) languages?\b",
    ),
    "role": _any_of(r"\byou are an? \w+|\bact as an?\b"),
    "length": _any_of(
        r"\b(?:at most|under|up to|no more than|max(?:imum)?(?: of)?|fewer than|within) "
        r"(?:\d+|one|two|three|four|five|ten) (?:words?|sentences?|characters?|lines?)\b",
        r"\bbrief(?:ly)?\b|\bconcise|\bshort answer\b",
    ),
    "grounded": _any_of(
        r"\b(?:do not|don't|never) (?:invent|make up|guess|assume|speculate)",
        r"\bonly (?:what|facts?|information)\b|\bstick to\b|\bstated in\b",
    ),
    "complete": _any_of(
        r"\b(?:all (?:the )?|every )(?:details?|fields?|points?|parts?|values?|items?)\b",
        r"\b(?:do not|don't|never) (?:leave out|omit|drop)|\bcomplete\b",
    ),
    "always_answer": _any_of(
        r"\balways (?:answer|choose|pick|give|return)",
        r"\b(?:do not|don't|never) (?:refuse|decline|ask back)",
    ),
    "refuse_unknown": _any_of(
        r"\b(?:say|answer|reply|return|write) [\"'`]?(?:unknown|n/?a|i don't know|none)\b",
        r"(?<!not )(?<!n't )(?<!never )\b(?:refuse|decline)\b",
    ),
}
"""Other demands, each by the words that make it."""

_PADDING = _any_of(
    r"\butmost\b|\bworld-class\b|\bholistic|\bbest possible\b",
    r"\bdelight|\bseamless|\bpassionate|\bexcellence\b",
)
_EXAMPLE = re.compile(
    r"\bexamples?\b|\be\.g\.|->|→|=>|^\W*(?:output|answer|expected)\s*:", _ANY_CASE | re.MULTILINE
)
_MEANS = re.compile(
    r"^[\"'`*_)\]]*\s*(?:[:(=–—-]|means\b|is (?:for|about)\b|if\b|when\b|for\b|covers\b|about\b)", _ANY_CASE
)
_LIMIT = re.compile(r"\b(\d+)\s+(words?|sentences?|characters?)\b", _ANY_CASE)
_WORD = re.compile(r"[^\W_]+")

FEWEST_WORDS = 3
"""A definition has at least so many words."""

_LEAN, _BLOATED = 300, 1200
"""Words: up to the first a prompt costs no attention, from the second on it costs the most."""


@dataclass(frozen=True)
class Instruction:
    """What an instruction says.

    Attributes:
        text: the instruction, without the case.
        named: terms (labels or field names) that it mentions, as it spells them.
        defined: terms that it says more of than their name.
        demands: names in ``DEMANDS`` that it makes.
        bare: how firmly it wants the answer alone, in [0, 1].
        examples: how many examples it shows, up to 3, as a share of 3.
        padding: share in [0, 1] of empty praise and pathos.
        bloat: in [0, 1], how much longer it is than anyone can keep in mind.
        limit: most words that it allows; None if it says nothing.
        shown: outputs of demonstrations.
    """

    text: str
    named: dict[str, str]
    defined: frozenset[str]
    demands: frozenset[str]
    bare: float
    examples: float
    padding: float
    bloat: float
    limit: int | None
    shown: frozenset[str]

    @property
    def contradicts_itself(self) -> bool:
        """It wants the answer alone and an explanation too."""
        return self.bare > 0 and bool({"explain", "steps"} & self.demands)


def read(text: str, terms: Sequence[str], shown: Sequence[str] = ()) -> Instruction:
    """Read an instruction.

    Args:
        text: the instruction, without the case.
        terms: labels or field names of the task, to look for.
        shown: outputs of the demonstrations that stand before the case.
    """
    wishes = NO_MORE.sub(" ", text)
    bare = len(BARE.findall(text))
    words = len(_WORD.findall(text))
    shares = (words - _LEAN) / (_BLOATED - _LEAN)
    return Instruction(
        text=text,
        named=mentions(wishes, terms),
        defined=definitions(wishes, terms),
        demands=frozenset(
            name for name, pattern in DEMANDS.items() if _demanded(name, pattern, text, wishes)
        ),
        bare=min(1.0, 0.55 + 0.15 * bare) if bare else 0.0,
        examples=min(3, len(shown) + len(_EXAMPLE.findall(text))) / 3,
        padding=min(1.0, len(_PADDING.findall(text)) / 4),
        bloat=max(0.0, min(1.0, shares)),
        limit=_limit(text),
        shown=frozenset(shown),
    )


def _demanded(name: str, pattern: re.Pattern[str], text: str, wishes: str) -> bool:
    # "No explanation" is no wish for one; "never leave out" is a wish in its own right.
    return pattern.search(wishes if name in ("explain", "steps") else text) is not None


def mentions(text: str, terms: Sequence[str]) -> dict[str, str]:
    """The terms that ``text`` mentions as words, each as spelled there, its own spelling first."""
    found: dict[str, str] = {}
    for term in terms:
        spellings = [match.group() for match in _word(term).finditer(text)]
        if spellings:
            found[term] = term if term in spellings else spellings[0]
    return found


def definitions(text: str, terms: Sequence[str]) -> frozenset[str]:
    """The terms that are followed, on their line, by words that say what they mean."""
    if not terms:
        return frozenset()
    any_term = re.compile(
        "|".join(_word(term).pattern for term in sorted(terms, key=len, reverse=True)), _ANY_CASE
    )
    return frozenset(
        term for term in terms if any(_explained(text, m.end(), any_term) for m in _word(term).finditer(text))
    )


def _explained(text: str, after: int, any_term: re.Pattern[str]) -> bool:
    line = text[after:].split("\n", 1)[0]
    if not _MEANS.match(line):
        return False
    own_part = any_term.split(line.split(";", 1)[0], maxsplit=1)[0]
    return len(_WORD.findall(own_part)) >= FEWEST_WORDS


def _word(term: str) -> re.Pattern[str]:
    spaced = re.escape(term).replace(r"\ ", r"\s+")
    return re.compile(rf"(?<!\w){spaced}(?!\w)", _ANY_CASE)


def _limit(text: str) -> int | None:
    found = _LIMIT.search(text)
    if not found:
        return None
    per_unit = {"w": 1.0, "s": 14.0, "c": 1 / 6}[found.group(2)[0].lower()]
    return max(1, int(int(found.group(1)[:6]) * per_unit))
