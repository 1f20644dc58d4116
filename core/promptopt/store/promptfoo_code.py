"""promptfoo's assertions that become lines of Python, and its regular expressions, which are JavaScript's."""

import ast
import json
import re
from typing import Any

_TRUE_OR_FALSE = {"all", "any", "bool", "callable", "hasattr", "isinstance", "issubclass"}
_CLASS = re.compile(r"\\[wWdDbB]")


def same_json(value: Any) -> str:
    """Code that asserts that the output is JSON with that value, and no other."""
    return _SAME_JSON.format(text=json.dumps(value, ensure_ascii=False))


def finds_json() -> str:
    """Code that asserts that there is a JSON object or list in the output."""
    return _FINDS_JSON


def distance(text: str, most: float) -> str:
    """Code that asserts that the output is at most so many edits from ``text``."""
    return _DISTANCE.format(text=text, most=most)


def python(code: str, threshold: float | None) -> str:
    """Code that asserts what an assertion in Python says: an expression, the body of a function, a file."""
    if "\n" in code:
        body = "\n".join(f"    {line}" for line in code.split("\n"))
    else:
        body = f"    return ({code.strip()})"
    whole = re.search(r"^def get_assert\(", code, re.MULTILINE)
    source = code if whole else f"import json\ndef get_assert(output, context):\n{body}"
    least = "result > 0" if threshold is None else f"result >= {threshold!r}"
    reached = "" if threshold is None else f" and result.get('score', 0) >= {threshold!r}"
    return f"{source}\n\n{_CALL.format(least=least, reached=reached)}"


def may_grade(code: str) -> bool:
    """Whether Python code may give a score, and not only true or false, as far as one can tell."""
    try:
        tree = ast.parse(code if "\n" in code else f"({code.strip()})")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False  # it is given as the body of a function, or can't be run at all
    returned = [node.value for node in ast.walk(tree) if isinstance(node, ast.Return)]
    if not returned and len(tree.body) == 1 and isinstance(tree.body[0], ast.Expr):
        returned = [tree.body[0].value]
    return not all(value is not None and _plain(value) for value in returned)


def _plain(value: ast.expr) -> bool:
    """Whether an expression is true or false."""
    if isinstance(value, ast.BoolOp):
        return all(map(_plain, value.values))
    if isinstance(value, ast.IfExp):
        return _plain(value.body) and _plain(value.orelse)
    if isinstance(value, ast.Call):
        function = value.func
        if isinstance(function, ast.Attribute):
            return bool(re.fullmatch(r"(?:starts|ends)with|is[a-z]+", function.attr))
        return isinstance(function, ast.Name) and function.id in _TRUE_OR_FALSE
    return (
        isinstance(value, ast.Compare)
        or (isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not))
        or (isinstance(value, ast.Constant) and isinstance(value.value, bool))
    )


def pattern(javascript: str) -> str:
    r"""A regular expression of JavaScript in Python's words.

    ``$`` is the very end there, ``\w``, ``\d`` and ``\b`` know ASCII only, and groups are named ``(?<name>``.
    """
    out: list[str] = []
    in_class = False
    place = 0
    while place < len(javascript):
        step = 2 if javascript[place] == "\\" else 1
        piece = javascript[place : place + step]
        if piece == "[":
            in_class = True
        elif piece == "]":
            in_class = False
        elif piece == "$" and not in_class:
            piece = r"\Z"
        elif piece == "(" and not in_class and re.match(r"\(\?<[^=!]", javascript[place:]):
            piece, step = "(?P<", 3
        out.append(piece)
        place += step
    text = "".join(out)
    return f"(?a){text}" if _CLASS.search(text) else text


def inverted(code: str) -> str:
    """Code that asserts the contrary: that ``code`` fails."""
    body = "\n".join(f"    {line}" for line in code.split("\n"))
    return f"try:\n{body}\nexcept Exception:\n    pass\nelse:\n    raise AssertionError('it should not pass')"


_SAME_JSON = """\
import json

def same(one, other):
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other))
    return one == other

assert same(json.loads(output), json.loads({text!r}))"""

_FINDS_JSON = """\
import json
ends = [place + 1 for place, mark in enumerate(output) if mark in "}]"]
found = False
for start in [place for place, mark in enumerate(output) if mark in "{["]:
    for end in ends:
        if end > start and not found:
            try:
                json.loads(output[start:end])
                found = True
            except ValueError:
                pass
assert found, "there is no JSON in it\""""

_CALL = """\
context = {{"vars": {{**inputs, "expected": expected}}, "prompt": input}}
result = get_assert(output, context)
reason = f"it gave {{result!r}}"
if isinstance(result, str) and result.lower() in ("true", "false"):
    result = result.lower() == "true"
if isinstance(result, dict):
    reason = str(result.get("reason", ""))
    result = bool(result.get("pass", result.get("pass_", False))){reached}
elif not isinstance(result, bool):
    result = float(result)
    result = {least}
assert result, reason"""

_DISTANCE = """\
wanted = {text!r}
row = list(range(len(wanted) + 1))
for place, letter in enumerate(output, 1):
    before, row[0] = row[0], place
    for column, other in enumerate(wanted, 1):
        changed = before + (letter != other)
        before, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, changed)
assert row[-1] <= {most!r}, f"the edit distance is {{row[-1]}}\""""
