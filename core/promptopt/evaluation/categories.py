"""Why an output failed, by ordered rules: no model is asked, and the same output gets the same category.

The first rule that fits decides, the most telling signal first. The rules look at how the call ended, then at
the output against the expected one (as JSON, as a label or number, or as text), and where there is none at
what the checks say. They are rules of thumb: a category groups failures for the one who reads them.
"""

import re
from typing import Any, cast

from rapidfuzz.distance import Levenshtein

from promptopt.domain.dataset import Example
from promptopt.domain.results import CheckResult
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.structured import MISSING, is_object_or_list, read_json, same_json, unwrap
from promptopt.evaluation.diff import similarity

LABEL_WORDS = 4
LABEL_CHARS = 40
"""An expected output of one line within these is a label: a class, a name, a number."""

RECALLED = 0.6
"""Share of the expected output's content words that makes an output complete."""

ALIKE = 0.85
"""Lexical similarity from which a text is a near miss."""

_REFUSAL = re.compile(
    r"\bas an ai\b|\bi(?: must|'ll have to| have to)? (?:politely )?decline\b"
    r"|\bi(?:'m| am)?(?: \w+){0,3}? (?:can(?:no|')t|cannot|can not|won't|will not|unable to|not able to)"
    r"(?: \w+){0,2}? (?:help|assist|comply|fulfil|provid|answer|process|classif|generat|complet|do th)"
)
_NUMBER = re.compile(r"(?:(?<!\w)[-+])?\d[\d,]*(?:\.\d+)?")
_COMMON = """
the and for are was were has have had its this that with from they them their there then than you your our
not but can could will would should may into about which what when where who how all any some been also more
most other such only very just does did being over under per via
"""
_STOPWORDS = frozenset(_COMMON.split())
_RULE_OPENINGS = (
    reasons.TOO_LONG, reasons.TOO_SHORT, reasons.NOT_ALLOWED, reasons.FORBIDDEN, reasons.NO_MATCH,
    reasons.BAD_FORM, reasons.OVER_LIMIT,
)  # fmt: skip
_BY_REASON = [
    (re.compile(pattern), category)
    for pattern, category in (
        (rf"{reasons.NOT_JSON}|{reasons.NOT_BARE_JSON}|JSONDecodeError", "wrong format"),
        (rf"{reasons.FIELDS_WRONG}.*(?:is missing|should not be there)", "wrong structure"),
        (rf"{reasons.FIELDS_WRONG}|{reasons.EXPECTED}", "wrong reasoning"),
        (rf"{reasons.TOO_LONG}|assert len\(.*?\)+ <=? ", "too verbose"),
        (rf"{reasons.TOO_SHORT}|assert len\(.*?\)+ >=? ", "too terse"),
        (rf"{reasons.NO_MATCH}|{reasons.FORBIDDEN}|{reasons.NOT_ALLOWED}|{reasons.BAD_FORM}", "wrong format"),
        (rf"{reasons.LACKS}|assert [^()]+? in output\b", "missing information"),
        (r"KeyError|IndexError|assert isinstance\(", "wrong structure"),
        (r"assert .*\.(?:startswith|endswith|isdigit|isupper|islower|istitle)\(", "wrong format"),
        (r"assert re\.(?:search|match|fullmatch)\(", "wrong format"),
    )
]  # fmt: skip

Path = tuple[str | int, ...]


def categorize(
    case: Example, output: str, checks: tuple[CheckResult, ...], error: str, finish_reason: str
) -> str:
    """The category of a failure, a key of ``CATEGORIES``; empty if every check passed.

    Args:
        case: the case.
        output: what the model said.
        checks: what the checks said.
        error: why there is no output, if there is none.
        finish_reason: why the model stopped, as the provider says (``stop``, ``length`` …).
    """
    failed = tuple(check for check in checks if not check.passed)
    if not error and checks and not failed:
        return ""
    text = output.strip()
    if how := _by_ending(text, error, finish_reason):
        return how
    expected = (case.expected or "").strip()
    if _refuses(text, expected):
        return "refusal"
    if not expected or text.casefold() == expected.casefold() or _only_rules(failed):
        return _near_slip(text, expected) or _by_reasons(text, failed)
    return _by_expected(case.input_text, text, expected, failed)


def is_label(expected: str) -> bool:
    """Whether an expected output is a label, a name or a number rather than a text."""
    text = expected.strip()
    return 0 < len(text) <= LABEL_CHARS and len(text.split()) <= LABEL_WORDS and "\n" not in text


def has_word(text: str, word: str) -> bool:
    """Whether ``word`` stands in ``text`` as a word of its own, in any case."""
    return bool(re.search(rf"(?<!\w){re.escape(word.casefold())}(?!\w)", text.casefold()))


def _by_ending(text: str, error: str, finish_reason: str) -> str:
    if error:
        return "error"
    if finish_reason == "length":
        return "truncated"
    if not text or finish_reason in ("content_filter", "error"):
        return "error"
    return ""


def _refuses(text: str, expected: str) -> bool:
    start = text[:200].replace("’", "'").casefold()
    if start.startswith(("{", "[")) or len(text.split()) > 120 or not _REFUSAL.search(start):
        return False
    return not _REFUSAL.search(expected.casefold()) and not (is_label(expected) and has_word(text, expected))


def _only_rules(failed: tuple[CheckResult, ...]) -> bool:
    """Whether all that failed are rules for the form, which ask nothing of the expected output."""
    return bool(failed) and all(
        check.name.startswith("constraint ") or check.reason.startswith(_RULE_OPENINGS) for check in failed
    )


def _near_slip(text: str, expected: str) -> str:
    return "near miss" if text != expected and text.casefold() == expected.casefold() else ""


def _by_reasons(text: str, failed: tuple[CheckResult, ...]) -> str:
    for check in failed:
        if check.reason.startswith(reasons.NOT_JSON) and _cut_off(text):
            return "truncated"
        if check.reason.startswith(reasons.NOT_ALLOWED):
            allowed = check.reason.partition("(allowed: ")[2].rstrip(")…").split(", ")
            if any(has_word(text, choice) for choice in allowed if choice):
                return "too verbose"
    for pattern, category in _BY_REASON:
        if any(pattern.match(check.reason) for check in failed):
            return category
    return "other"


def _by_expected(given: str, text: str, expected: str, failed: tuple[CheckResult, ...]) -> str:
    try:
        wanted = read_json(expected)
    except ValueError:
        wanted = MISSING
    if is_object_or_list(wanted):
        try:
            return _by_json(given, text, wanted)
        except RecursionError:
            return "wrong structure"
    if is_label(expected):
        return _by_label(text, expected, failed)
    return _by_text(given, text, expected)


# --- JSON ---


def _by_json(given: str, text: str, wanted: Any) -> str:
    actual, alone = unwrap(text)
    if not alone:
        return "truncated" if _cut_off(text) else "wrong format"
    old, new = _leaves(wanted), _leaves(actual)
    lost, added = old.keys() - new.keys(), new.keys() - old.keys()
    if any(isinstance(path[-1], str) if path else True for path in lost):
        return "wrong structure"
    if any(
        _kind(old[path]) != _kind(new[path]) for path in old.keys() & new.keys() if _filled(old, new, path)
    ):
        return "wrong structure"
    if added and not all(_grounded(new[path], given) for path in added):
        return "hallucination"
    if lost:
        return "missing information"
    if any(isinstance(path[-1], str) for path in added):
        return "wrong structure"
    wrong = [(old[p], new[p]) for p in old if not same_json(old[p], new[p])]
    return _by_values(given, wrong)


def _by_values(given: str, wrong: list[tuple[Any, Any]]) -> str:
    if any(new in (None, "") for _, new in wrong):
        return "missing information"
    if any(old in (None, "") and not _grounded(new, given) for old, new in wrong):
        return "hallucination"
    if wrong and all(_near(str(old), str(new)) for old, new in wrong):
        return "near miss"
    if any(_grounded(old, given) and not _grounded(new, given) for old, new in wrong):
        return "hallucination"
    return "wrong reasoning"


def _leaves(value: Any, path: Path = ()) -> dict[Path, Any]:
    """Paths of the plain values in a JSON value; an empty object or list counts as one."""
    if isinstance(value, dict) and value:
        items = list(cast("dict[str, Any]", value).items())
    elif isinstance(value, list) and value:
        items = list(enumerate(cast("list[Any]", value)))
    else:
        return {path: value}
    return {place: leaf for key, part in items for place, leaf in _leaves(part, (*path, key)).items()}


def _filled(old: dict[Path, Any], new: dict[Path, Any], path: Path) -> bool:
    return old[path] not in (None, "") and new[path] not in (None, "")


def _kind(value: Any) -> str:
    name = type(value).__name__
    return "number" if name in ("int", "float") else name


def _grounded(value: Any, given: str) -> bool:
    """Whether a plain value stands in the input; true, false and null can't be invented."""
    if isinstance(value, str):
        return value.casefold() in given.casefold()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) in _numbers(given)
    return True


def _cut_off(text: str) -> bool:
    """Whether JSON begins in ``text`` and does not come to its end."""
    body = re.sub(r"^```\w*\s*", "", text)
    return body.startswith(("{", "[")) and not body.rstrip("`\n ").endswith(("}", "]"))


# --- Labels and numbers ---


def _bare(text: str) -> str:
    """``text`` without the punctuation and marks around it, in lower case."""
    found = re.search(r"\w(?:.*\w)?", text.casefold(), re.DOTALL)
    return found.group() if found else ""


def _by_label(text: str, expected: str, failed: tuple[CheckResult, ...]) -> str:
    short = "\n" not in text and len(text.split()) <= max(6, 3 * len(expected.split()))
    if _near(text, expected):
        return "near miss"
    if has_word(text, expected) or _says_number(text, expected):
        return "too verbose"
    asks_for_bare = any(check.reason.startswith((reasons.EXPECTED, *_RULE_OPENINGS)) for check in failed)
    return "wrong format" if asks_for_bare and not short else "wrong reasoning"


def _near(text: str, expected: str) -> bool:
    """Whether one is a slip of the other: punctuation, spelling, unit, rounding."""
    left, right = _bare(text), _bare(expected)
    if left == right:
        return bool(left)
    numbers, wanted = _numbers(left), _numbers(right)
    if len(numbers) == len(wanted) == 1 and max(len(left.split()), len(right.split())) <= 3:
        return _near_number(numbers[0], wanted[0])
    if numbers != wanted or left.endswith(right) or right.endswith(left):
        return False  # a prefix turns the meaning round: correct, incorrect
    if len(right) <= LABEL_CHARS:
        return Levenshtein.distance(left, right) <= max(1, len(right) // 5) and len(right) > 3
    return similarity(left, right) >= ALIKE


def _near_number(one: float, other: float) -> bool:
    """Equal, within 5 %, off by a power of ten up to a thousand, or by the sign."""
    if one == other or one == -other:
        return True
    if 0 in (one, other):
        return False
    ratio = abs(one / other)
    return any(
        abs(ratio / power - 1) <= (0.05 if power == 1 else 1e-9)
        for power in (1e-3, 0.01, 0.1, 1, 10, 100, 1e3)
    )


def _says_number(text: str, expected: str) -> bool:
    return bool(_NUMBER.fullmatch(expected)) and _numbers(expected)[0] in _numbers(text)


def _numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in _NUMBER.findall(text[:100_000])]


# --- Texts ---


def _by_text(given: str, text: str, expected: str) -> str:
    if _near(text, expected):
        return "near miss"
    wanted, said = _content(expected), _content(text)
    recall = len(wanted & said) / len(wanted) if wanted else 1.0
    ratio = len(text.split()) / max(1, len(expected.split()))
    if ratio > 2 and recall >= RECALLED:
        return "too verbose"
    if _invents(given, text, expected):
        return "hallucination"
    if recall < RECALLED:
        return "too terse" if ratio < 0.5 else "missing information"
    return "wrong reasoning"


def _content(text: str) -> set[str]:
    return {
        word for word in re.findall(r"\w+", text.casefold()) if word not in _STOPWORDS and len(word) > 2
    } | {f"{number:g}" for number in _numbers(text)}


def _invents(given: str, text: str, expected: str) -> bool:
    """Whether it has numbers, links or names that input and reference lack, though the task is grounded."""
    known = f"{given}\n{expected}"
    if not _facts(expected) <= _facts(given):
        return False  # the reference itself goes beyond the input
    new = _facts(text) - _facts(known)
    sure = {fact for fact in new if fact[0].isdigit() or fact.startswith(("-", "http"))}
    words = set(re.findall(r"\w+", known.casefold()))
    return bool(sure) or len({fact for fact in new - sure if fact not in words}) >= 2


def _facts(text: str) -> set[str]:
    names = {name.casefold() for name in re.findall(r"(?<=[a-z,;] )[A-Z]\w{2,}", text)}
    links = set(re.findall(r"https?://[^\s)>\]]+", text))
    return names | links | {f"{number:g}" for number in _numbers(text)}
