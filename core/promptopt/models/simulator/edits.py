"""What the simulated optimizer may do to a prompt: edits that help, and edits that do harm."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from promptopt.models.simulator.chance import Dice
from promptopt.models.simulator.clues import Clues
from promptopt.models.simulator.reading import Instruction, read

_PLACEHOLDER = re.compile(r"\{[A-Za-z_]\w*\}")
_KEYWORD = re.compile(r"[^\W\d_]{4,}")
_COMMON = frozenset(
    re.findall(
        r"\w+",
        """about after again also another been before being cannot could does doing done even ever from have
        having here hello into just know like list made make many more most much need never only other over
        please really same should since some still such than thank thanks that their them then there these
        they thing this those until very want well were what when where which while will with without would
        your yours""",
    )
)
_LABELS_PER_EDIT = 2
_WORDS_PER_DEFINITION = 6
_WORDS_PER_EXAMPLE = 25


@dataclass(frozen=True)
class Edit:
    """A change that answers some kinds of failure.

    Attributes:
        name: short, for the reasoning.
        heals: error categories that it is made for, the closest first.
        hint: words in the feedback's suggestions that call for it.
        because: the reasoning given.
        rule: the text to add to the prompt; None if it has that already, or if nothing shows what to add.
    """

    name: str
    heals: tuple[str, ...]
    hint: str
    because: str
    rule: Callable[[Clues, Instruction, Dice], str | None]

    def appeal(self, clues: Clues) -> float:
        """How many failures it may heal, the closest category counted in full and the others less.

        It appeals less for each time that the request's account of past tries has its reasoning.
        """
        cases = sum(clues.counts.get(category, 0) / (1 + 0.5 * i) for i, category in enumerate(self.heals))
        hinted = 1.0 if re.search(self.hint, clues.feedback, re.IGNORECASE) else 0.0
        return (cases + hinted) / (1 + 0.4 * clues.request.count(self.because))


def read_prompt(clues: Clues) -> Instruction:
    """The current prompt, read for the terms that the feedback shows."""
    return read(clues.prompt, clues.labels + clues.fields)


def _once(demand: str, *rules: str) -> Callable[[Clues, Instruction, Dice], str | None]:
    return lambda clues, prompt, dice: (
        None if demand in prompt.demands else dice.pick(rules, f"wording {demand}")
    )


def _name_labels(clues: Clues, prompt: Instruction, dice: Dice) -> str | None:
    missing = [label for label in clues.labels if label not in prompt.named]
    if not missing or len(clues.labels) < 2:
        return None
    if len(missing) < len(clues.labels):
        return f"Also allowed: {', '.join(missing)}."
    lead = dice.pick(("Choose one of these", "The allowed answers are", "Valid answers"), "lead")
    return f"{lead}: {', '.join(clues.labels)}."


def _bare(clues: Clues, prompt: Instruction, dice: Dice) -> str | None:
    if prompt.bare >= 1:
        return None
    if prompt.bare:
        return "No explanation, no punctuation, nothing else."
    what = (
        "the JSON object"
        if clues.fields
        else "the chosen word exactly as written here"
        if clues.labels
        else "the answer"
    )
    return dice.pick(
        (f"Answer with only {what}.", f"Reply with {what} and nothing else. Do not explain."), "bare"
    )


def _fields(clues: Clues, prompt: Instruction, dice: Dice) -> str | None:
    missing = [name for name in clues.fields if name not in prompt.named]
    if not missing and "json" in prompt.demands:
        return None
    if not clues.fields:
        return None
    return f"Return one JSON object with the fields {', '.join(missing or clues.fields)}."


def _define(clues: Clues, prompt: Instruction, dice: Dice) -> str | None:
    wanted = [label for label in (*clues.missed, *clues.labels) if label not in prompt.defined]
    wanted = list(dict.fromkeys(wanted))[:_LABELS_PER_EDIT]
    named = all(label in prompt.named for label in clues.labels)
    if not wanted or not named or len(clues.labels) < 2:
        return None
    return "\n".join(f"- {label}: {_meaning(label, clues)}" for label in wanted)


def _meaning(label: str, clues: Clues) -> str:
    """The words of the failed inputs with this label that others do not have."""
    own: Counter[str] = Counter()
    others: set[str] = set()
    for failure in clues.failures:
        words = {word for word in _KEYWORD.findall(failure.input.casefold()) if word not in _COMMON}
        if failure.expected == label:
            own.update(words)
        else:
            others |= words
    terms = {other.casefold() for other in clues.labels}
    telling = sorted(
        (w for w in own if w not in others and w not in terms), key=lambda w: (-own[w], -len(w), w)
    )
    if len(telling) < 2:
        return f"whatever is mainly a matter of {label}"
    return f"messages that speak of {', '.join(telling[:_WORDS_PER_DEFINITION])}"


def _example(clues: Clues, prompt: Instruction, dice: Dice) -> str | None:
    if prompt.examples >= 1:
        return None
    usable = [failure for failure in clues.failures if failure.input]
    if not usable:
        return None
    failure = dice.pick(usable, "example")
    return f'Example: "{" ".join(failure.input.split()[:_WORDS_PER_EXAMPLE])}" -> {failure.expected}'


GOOD = (
    Edit(
        "name the allowed answers",
        ("wrong reasoning", "near miss", "hallucination", "wrong format", "other"),
        r"\blabels?\b|allowed|\bclosed (?:set|list)\b|one of",
        "The target uses names of its own; it was never told which ones exist.",
        _name_labels,
    ),
    Edit(
        "demand the bare answer",
        ("too verbose", "wrong format", "truncated"),
        r"\bonly\b|verbose|bare|explanation",
        "The right answer is there, with talk around it.",
        _bare,
    ),
    Edit(
        "name the fields",
        ("wrong structure", "wrong format", "missing information"),
        r"\bfields?\b|\bjson\b|schema",
        "Fields are missing or renamed, so the object must be spelled out.",
        _fields,
    ),
    Edit(
        "say what the answers mean",
        ("wrong reasoning", "near miss"),
        r"defin|confus|mean",
        "Neighbouring answers are confused; a line on each tells them apart.",
        _define,
    ),
    Edit(
        "break ties",
        ("wrong reasoning",),
        r"\btie|both|ambigu|several",
        "Some inputs fit two answers; a rule must say which one counts.",
        _once(
            "tie_break",
            "If it touches two topics, go by what the writer asks to be done, not by what is only mentioned.",
            "When in doubt between two answers, the main request decides.",
        ),
    ),
    Edit(
        "cover edge cases",
        ("refusal", "wrong reasoning", "other"),
        r"edge|typo|language|unclear",
        "Odd inputs throw the target off.",
        _once(
            "edge_cases",
            "Inputs may be very short, angry, full of typos or in another language; answer what is meant.",
            "Even if an input is unclear or sarcastic, decide for the likeliest reading.",
        ),
    ),
    Edit(
        "always answer",
        ("refusal", "error"),
        r"refus|declin",
        "The target declines where an answer is due.",
        _once("always_answer", "Always answer; never refuse and never ask back."),
    ),
    Edit(
        "ask for all of it",
        ("missing information", "too terse", "wrong structure"),
        r"missing|complete|left out",
        "Parts of the expected answer are absent.",
        _once("complete", "Give every part of the answer; never leave out a detail that is asked for."),
    ),
    Edit(
        "forbid inventions",
        ("hallucination",),
        r"invent|hallucinat|grounded",
        "It states things that nobody gave.",
        _once("grounded", "Use only what the input says; do not invent anything."),
    ),
    Edit(
        "limit the length",
        ("truncated", "too verbose"),
        r"\blength\b|shorten|too long",
        "Answers run too long.",
        _once("length", "Keep it concise."),
    ),
    Edit(
        "show an example",
        ("missing information", "too terse", "wrong reasoning", "near miss"),
        r"\bexamples?\b|demonstrat",
        "A worked example shows what rules can't say.",
        _example,
    ),
)
"""Edits that help, if the feedback calls for them."""


@dataclass(frozen=True)
class Misstep:
    """An edit that looks like a good idea and does harm."""

    name: str
    because: str
    change: Callable[[str, Dice], str]


def _drop_rule(prompt: str, dice: Dice) -> str:
    lines = prompt.split("\n")
    spare = [i for i, line in enumerate(lines) if i > 0 and line.strip() and not _PLACEHOLDER.search(line)]
    if not spare:
        return insert(prompt, "Trust your first impression.")
    gone = dice.pick(spare, "dropped line")
    return "\n".join(line for i, line in enumerate(lines) if i != gone)


def _adding(*rules: str) -> Callable[[str, Dice], str]:
    return lambda prompt, dice: insert(prompt, dice.pick(rules, "misstep"))


MISSTEPS = (
    Misstep(
        "shorten the prompt", "One rule looks redundant; a leaner prompt is easier to follow.", _drop_rule
    ),
    Misstep(
        "raise the stakes",
        "Stressing how much this matters should make the target more careful.",
        _adding(
            "It is of the utmost importance that you deliver a world-class, seamless result with attention "
            "to every nuance, since excellence and a holistic view are what our customers delight in.",
            "Approach this with passionate dedication: the best possible, world-class handling of each "
            "message is of the utmost importance to us.",
        ),
    ),
    Misstep(
        "give it a persona",
        "A friendly persona should make the answers more helpful.",
        _adding(
            "You are a warm and talkative colleague who likes to explain in detail how you decide.",
            "You are a senior analyst; justify each answer so that a reader can follow it.",
        ),
    ),
    Misstep(
        "let it think",
        "Reasoning before the answer should improve accuracy.",
        _adding("Think step by step and write down your reasoning first."),
    ),
)
"""Edits that do harm."""


def insert(prompt: str, rule: str) -> str:
    """Add ``rule`` to ``prompt``: at its end, but before the paragraph in which the case is filled in."""
    if not prompt.strip():
        return rule
    paragraphs = prompt.split("\n\n")
    if len(paragraphs) > 1 and _PLACEHOLDER.search(paragraphs[-1]):
        return "\n\n".join([*paragraphs[:-1], rule, paragraphs[-1]])
    return f"{prompt}\n\n{rule}" if len(paragraphs) == 1 else f"{prompt}\n{rule}"
