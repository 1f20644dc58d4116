"""Whether code of an assertion can fail at all, told from its syntax; it is not run.

An assertion that nothing can fail passes every output, and nobody is told. So code is refused that drops what
it found out (``output == "x"`` alone, ``return False`` outside a function) or that has nothing in it which
could raise. Whatever might raise, as far as one can tell, counts as something: an unknown function,
``json.loads(output)``, a missing key.
"""

import ast
from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple

_HARMLESS_FUNCTIONS = frozenset((
    "abs", "all", "any", "bool", "callable", "dict", "enumerate", "filter", "frozenset", "hash", "id",
    "isinstance", "iter", "len", "list", "map", "print", "range", "repr", "reversed", "round", "set",
    "sorted", "str", "sum", "tuple", "type", "zip",
))  # fmt: skip
_PREDICATES = frozenset((
    "startswith", "endswith", "isalnum", "isalpha", "isascii", "isdecimal", "isdigit", "isidentifier",
    "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper", "issubset", "issuperset",
    "isdisjoint",
))  # fmt: skip
_HARMLESS_METHODS = _PREDICATES | frozenset((
    "add", "append", "capitalize", "casefold", "copy", "count", "extend", "find", "get", "items", "join",
    "keys", "lower", "lstrip", "partition", "replace", "rfind", "rpartition", "rsplit", "rstrip", "split",
    "splitlines", "strip", "swapcase", "title", "upper", "values",
))  # fmt: skip
_SEARCHES = frozenset(("search", "match", "fullmatch", "findall", "finditer", "compile"))
_TRUTHS = frozenset(("all", "any", "bool", "callable", "isinstance", "issubclass"))
_CATCH_ALL = frozenset(("Exception", "BaseException"))
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Flaw(NamedTuple):
    """Why code asserts nothing, and what to write in its place."""

    what: str
    fix: str


def flaw_of(tree: ast.Module, code: str) -> Flaw | None:
    """Why the code can't fail, or drops what it should assert; None if neither can be told of it."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for statement in _statements(tree.body, inside=False):
        if isinstance(statement, ast.Return) and statement.value is not None:
            told = ast.get_source_segment(code, statement.value) or "output"
            what = f"the value of a return outside a function is dropped{_line(statement)}"
            return Flaw(f"{what}, so every output would pass", f"write: assert {told}")
    for statement in _statements(tree.body, inside=True):
        if isinstance(statement, ast.Assert) and _is_slip(statement.test):
            what = f"the assert can't fail{_line(statement)}: what it asserts is always true"
            fix = "write: assert condition, message    (without brackets around both)"
            return Flaw(what, fix)
        if isinstance(statement, ast.Expr) and _is_truth(statement.value, functions):
            told = ast.get_source_segment(code, statement.value) or "output"
            what = f"what the code finds out is dropped{_line(statement)}, so it asserts nothing"
            return Flaw(what, f"write: assert {told}")
    last = tree.body[-1] if tree.body else None
    told = last.value.id if isinstance(last, ast.Expr) and isinstance(last.value, ast.Name) else ""
    if not told and _may_fail(tree.body, functions, frozenset()):
        return None
    uncalled = [name for name in functions if _may_fail(functions[name].body, {}, frozenset())]
    fix = f"call it: {uncalled[0]}(output)" if uncalled and not told else f"write: assert {told or 'output'}"
    return Flaw("the code asserts nothing, so every output would pass", fix)


def _line(node: ast.stmt) -> str:
    return f" in line {node.lineno}"


def _statements(body: Iterable[ast.stmt], inside: bool) -> Iterator[ast.stmt]:
    """All statements in order, those of blocks too; ``inside``: of functions as well."""
    for statement in body:
        yield statement
        if inside or not isinstance(statement, _FUNCTIONS):
            for name in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, name, ()), inside)
            for part in (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ())):
                yield from _statements(part.body, inside)


def _is_slip(test: ast.expr) -> bool:
    """Whether what is asserted is always true and can't be meant: test and message in brackets, a text."""
    if isinstance(test, ast.Tuple):
        return bool(test.elts)
    return isinstance(test, ast.Constant) and isinstance(test.value, str) and bool(test.value)


def _is_truth(value: ast.expr, functions: dict[str, ast.FunctionDef]) -> bool:
    """Whether an expression is a finding that is of no use unless somebody looks at it."""
    if isinstance(value, ast.Compare):
        return True
    if isinstance(value, ast.UnaryOp):
        return isinstance(value.op, ast.Not)
    if isinstance(value, ast.BoolOp):
        return _is_truth(value.values[-1], functions)
    if isinstance(value, ast.IfExp):
        return _is_truth(value.body, functions) and _is_truth(value.orelse, functions)
    if not isinstance(value, ast.Call):
        return False
    function = value.func
    if isinstance(function, ast.Attribute):
        return function.attr in _PREDICATES or (function.attr in _SEARCHES and _of_re(function.value))
    if not isinstance(function, ast.Name):
        return False
    if function.id in functions:
        return _only_tells(functions[function.id], functions)
    return function.id in _TRUTHS


def _only_tells(function: ast.FunctionDef, functions: dict[str, ast.FunctionDef]) -> bool:
    """Whether a function returns a finding and asserts nothing itself."""
    inside = list(ast.walk(function))
    if any(isinstance(node, ast.Assert | ast.Raise) for node in inside):
        return False
    others = {name: other for name, other in functions.items() if name != function.name}
    returned = [node.value for node in inside if isinstance(node, ast.Return)]
    return any(value is not None and _is_truth(value, others) for value in returned)


def _of_re(value: ast.expr) -> bool:
    """Whether something is the module ``re`` or a pattern that it has just made."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        value = value.func.value
    return isinstance(value, ast.Name) and value.id == "re"


def _may_fail(nodes: Iterable[ast.AST], functions: dict[str, ast.FunctionDef], seen: frozenset[str]) -> bool:
    """Whether anything in ``nodes`` might raise. The body of a function counts where that is named."""
    return any(_node_may_fail(node, functions, seen) for node in nodes)


def _node_may_fail(node: ast.AST, functions: dict[str, ast.FunctionDef], seen: frozenset[str]) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Lambda):
        return False
    if isinstance(node, ast.Name) and node.id in functions and node.id not in seen:
        return _may_fail(functions[node.id].body, functions, seen | {node.id})
    if isinstance(node, ast.Try) and any(map(_swallows, node.handlers)):
        handled = [statement for handler in node.handlers for statement in handler.body]
        return _may_fail([*handled, *node.orelse, *node.finalbody], functions, seen)
    return _raises(node, functions) or _may_fail(ast.iter_child_nodes(node), functions, seen)


def _raises(node: ast.AST, functions: Container[str]) -> bool:
    """Whether the node itself might raise, what is in it aside."""
    if isinstance(node, ast.Assert):
        return not (isinstance(node.test, ast.Constant) and node.test.value)
    if isinstance(node, ast.Subscript):
        return not isinstance(node.slice, ast.Slice)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod)
    if isinstance(node, ast.Tuple | ast.List):
        return isinstance(node.ctx, ast.Store)  # it is unpacked, and may have more or less
    if isinstance(node, ast.Call):
        return not _is_harmless(node.func, functions)
    return isinstance(node, ast.Raise | ast.While | ast.Delete)


def _is_harmless(function: ast.expr, functions: Container[str]) -> bool:
    """Whether calling ``function`` never raises by itself, as far as one can tell."""
    if isinstance(function, ast.Attribute):
        return function.attr in _HARMLESS_METHODS or (function.attr in _SEARCHES and _of_re(function.value))
    return isinstance(function, ast.Name) and (function.id in functions or function.id in _HARMLESS_FUNCTIONS)


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches everything that code raises."""
    if handler.type is None:
        return True
    return isinstance(handler.type, ast.Name) and handler.type.id in _CATCH_ALL
