"""Code that can't fail is refused before a run; code that can is not."""

import ast

import pytest

from promptopt.domain.errors import SettingsError
from promptopt.evaluation.boxes import run_once
from promptopt.evaluation.checks.asserting import flaw_of
from promptopt.evaluation.checks.code import check_code
from promptopt.evaluation.sandbox import Request

NOTHING = "the code asserts nothing, so every output would pass"

VAIN = [
    ("output", NOTHING, "write: assert output"),
    ("pass", NOTHING, "write: assert output"),
    ("'a text'", NOTHING, "write: assert output"),
    ("ok = output == 'y'", NOTHING, "write: assert output"),
    ("ok = output == 'y'\nok", NOTHING, "write: assert ok"),
    ("import json\nok = json.loads(output)['a'] == 1\nok", NOTHING, "write: assert ok"),
    ("score = 0.3", NOTHING, "write: assert output"),
    ("print(output == 'y')", NOTHING, "write: assert output"),
    ("lambda output: output == 'y'", NOTHING, "write: assert output"),
    ("words = output.split()\nn = len(words)", NOTHING, "write: assert output"),
    ("if output == 'y':\n    ok = True\nelse:\n    ok = False", NOTHING, "write: assert output"),
    ("assert True", NOTHING, "write: assert output"),
    ("def check(output):\n    assert output == 'y'", NOTHING, "call it: check(output)"),
    ("try:\n    assert output == 'y'\nexcept Exception:\n    pass", NOTHING, "write: assert output"),
    ("try:\n    assert output == 'y'\nexcept:\n    ok = False", NOTHING, "write: assert output"),
    ("return False", "the value of a return outside a function is dropped in line 1", "write: assert False"),
    ("import json\nreturn output == 'y'", "dropped in line 2", "write: assert output == 'y'"),
    ("if output:\n    return True\nelse:\n    return False", "dropped in line 2", "write: assert True"),
    ("len(output) < 5", "what the code finds out is dropped in line 1", "write: assert len(output) < 5"),
    ("not output", "dropped in line 1", "write: assert not output"),
    ("output.startswith('y')", "dropped in line 1", "write: assert output.startswith('y')"),
    ("import json\njson.loads(output)['a'] == 1", "dropped in line 2", "assert json.loads(output)['a'] == 1"),
    ("import re\nre.search('y', output)", "dropped in line 2", "write: assert re.search('y', output)"),
    ("import re\nre.compile('y').match(output)", "dropped in line 2", "write: assert re.compile('y')"),
    ("any(word in output for word in ['y'])", "dropped in line 1", "write: assert any(word"),
    ("output and output == 'y'", "dropped in line 1", "write: assert output and"),
    ("def f(o):\n    return o == 'y'\nf(output)", "dropped in line 3", "write: assert f(output)"),
    ("for line in output.splitlines():\n    line == 'y'", "dropped in line 2", "write: assert line == 'y'"),
    ("assert (output == 'y', 'no')", "the assert can't fail in line 1", "without brackets around both"),
    ("assert 'output == y'", "the assert can't fail in line 1", ""),
]

FINE = [
    ("assert output == 'y'", "x"),
    ("assert output == 'y', (output, 'a message')", "x"),
    ("import json\njson.loads(output)", "x"),
    ("import json\njson.loads(output)['label']", "{}"),
    ("int(output)", "x"),
    ("output.index('y')", "x"),
    ("inputs['b']", "x"),
    ("first, second = output.split(',')", "x"),
    ("if output != 'y':\n    raise ValueError('no')", "x"),
    ("1 / output.count('y')", "x"),
    ("while output != 'y': pass", "x"),
    ("def check(line):\n    assert line == 'y'\nfor line in output.splitlines():\n    check(line)", "x"),
    ("def check(line):\n    assert line == 'y'\nlist(map(check, output.splitlines()))", "x"),
    ("def check(n):\n    return int(n)\ncheck(output)", "x"),
    ("def one(o):\n    two(o)\ndef two(o):\n    assert o == 'y'\none(output)", "x"),
    ("list(map(lambda line: int(line), output.splitlines()))", "x"),
    ("try:\n    int(output)\nexcept ValueError:\n    raise AssertionError('no number')", "x"),
    ("try:\n    int(output)\nexcept Exception:\n    ok = False\nelse:\n    ok = True\nassert ok", "x"),
    ("if output == 'y':\n    assert True\nelse:\n    assert False", "x"),
    ('"""What it is for."""\nassert output == "y"', "x"),
    ("if not expected:\n    return\nassert output == expected", "x"),
    ("output == 'y' or int('no')", "x"),
]


@pytest.mark.parametrize(("code", "what", "fix"), VAIN, ids=[code for code, _, _ in VAIN])
def test_code_that_asserts_nothing_is_refused(code: str, what: str, fix: str) -> None:
    with pytest.raises(SettingsError) as refused:
        check_code(code, "checks[0].code", "monty")
    assert what in refused.value.what and refused.value.where == "checks[0].code"
    assert fix in (refused.value.fix or "")


@pytest.mark.parametrize(("code", "output"), FINE, ids=[code for code, _ in FINE])
def test_code_that_can_fail_is_not_refused_and_fails(code: str, output: str) -> None:
    check_code(code, "checks[0].code", "monty")
    request = Request("monty", code, output, expected="y", inputs={"a": output}, timeout=0.3)
    assert run_once(request).score == 0


def test_the_code_of_promptfoo_is_not_refused() -> None:
    from promptopt.store import promptfoo_code as made

    for code in (
        made.same_json({"a": 1}),
        made.finds_json(),
        made.distance("a", 2),
        made.python("output == 'a'", None),
        made.python("n = 1\nreturn n", 0.5),
        made.inverted(made.python("output == 'a'", None)),
    ):
        assert flaw_of(ast.parse(code), code) is None, code
