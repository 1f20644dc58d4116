"""Configurations of promptfoo as projects: prompts, tests, assertions, providers, and what is lost."""

import json
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import CheckResult
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.checks.options import refusal
from promptopt.store.casefiles import load_dataset
from promptopt.store.importing import Imported, import_project
from promptopt.store.projects import Project, load_project, save_project
from promptopt.store.promptfoo_checks import CANDIDATES
from promptopt.store.promptfoo_models import model_name
from promptopt.store.promptfoo_tests import parse_cell

CONFIG = """\
# yaml-language-server: $schema=https://promptfoo.dev/config-schema.json
description: Capital cities
prompts:
  - 'Answer briefly. {# a comment #}Question: {{ question }} ({{lang}})'
  - file://other.txt
providers:
  - id: openai:chat:gpt-4o-mini
    config: {temperature: 0.2, max_tokens: 50, top_p: 0.9, apiKey: sk-not-taken}
  - anthropic:messages:claude-sonnet-4-5
  - file://custom.py
defaultTest:
  vars: {lang: en}
  assert:
    - {type: equals, value: '{{expected}}', weight: 2}
    - {type: javascript, value: output.length < 10}
tests:
  - description: France
    vars: {question: capital of France?, expected: Paris}
    metadata: {area: europe}
    assert:
      - {type: icontains-any, value: [paris, lutetia], metric: named, threshold: 0.5}
      - {type: not-contains, value: London}
  - vars: {question: [capital of Italy?, the Italian capital?], expected: Rome, lang: de}
  - vars: {question: capital of Spain?, expected: Madrid}
    threshold: 0.5
    assert:
      - {type: javascript, value: 'true'}
      - {type: invented}
scenarios: []
"""


def write(folder: Path, text: str, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("__", ".")).write_text(content)
    (folder / "promptfooconfig.yaml").write_text(text)
    return folder / "promptfooconfig.yaml"


def made(folder: Path, text: str, **files: str) -> tuple[Imported, Project, list[Example]]:
    imported = import_project(write(folder, text, **files), accepts=refusal)
    project = load_project(save_project(imported.settings, folder / "new", imported.files))
    cases = list(load_dataset(project.settings, project.dir).dataset.cases())
    return imported, project, cases


def test_a_configuration(tmp_path: Path) -> None:
    imported, project, cases = made(tmp_path, CONFIG, other__txt="{{question}}?")
    settings = project.settings
    assert settings.name == "Capital cities"
    assert settings.prompt == "Answer briefly. Question: {question} ({lang})"
    target = settings.models["target"]
    assert (target.model, target.temperature, target.max_tokens) == ("openai/gpt-4o-mini", 0.2, 50)
    assert target.params == {"top_p": 0.9} and "sk-not-taken" not in repr(imported)
    assert [(c.inputs["question"], c.inputs["lang"], c.expected) for c in cases] == [
        ("capital of France?", "en", "Paris"),
        ("capital of Italy?", "de", "Rome"),
        ("the Italian capital?", "de", "Rome"),
        ("capital of Spain?", "en", "Madrid"),
    ]
    (shared,) = settings.checks
    assert (shared.type, shared.weight, shared.name) == ("exact", 2.0, "equals")
    named, absent = cases[0].checks
    assert (named["name"], named["values"], named["all"]) == ("named", ["paris", "lutetia"], False)
    assert absent["name"] == "not-contains" and cases[0].tags == ("area: europe",)
    assert Prompt(text=settings.prompt).render(cases[1])[0].content.endswith("capital of Italy? (de)")
    build_judge(settings, project.dir, cases)


def test_what_is_lost_is_told(tmp_path: Path) -> None:
    told = "\n".join(made(tmp_path, CONFIG, other__txt="x")[0].notices)
    for words in (
        "the first of 2 prompts",
        "the first of 2 providers is the target; not taken over: anthropic/claude-sonnet-4-5",
        "the provider file://custom.py (providers[2])",
        "the setting apiKey of a provider",
        "the assertion javascript: JavaScript is not run; write it in Python, as a check of type assertion "
        "(defaultTest.assert[1] and 4 more)",
        "the assertion invented: no check does this (tests[2].assert[1])",
        "the threshold of a whole test",
        "the section 'scenarios'",
    ):
        assert words in told


async def judged(folder: Path, assertion: dict[str, Any], output: str) -> list[CheckResult]:
    config = {"prompts": ["{{q}}"], "tests": [{"vars": {"q": "x", "word": "Rome"}, "assert": [assertion]}]}
    imported, project, cases = made(folder, json.dumps(config))
    scores = ("a score that it returns", "scores the share of its texts")
    told = [notice for notice in imported.notices if not any(score in notice for score in scores)]
    assert not any(word in notice for notice in told for word in ("not taken over", "changed")), told
    judge = build_judge(project.settings, project.dir, cases)
    try:
        return list(await judge.judge(cases[0], output))
    finally:
        await judge.close()


DO = [
    ({"type": "equals", "value": "a"}, "a", "b"),
    ({"type": "equals", "value": "a"}, "a", " a\n"),
    ({"type": "equals", "value": {"a": 1}}, '{"a": 1}', '{"a": 1, "b": 2}'),
    ({"type": "equals", "value": {"a": [True, 1]}}, '{"a": [true, 1.0]}', '{"a": [1, true]}'),
    ({"type": "equals", "value": True}, "true", "True"),
    ({"type": "contains", "value": "{{word}}"}, "in Rome", "in rome"),
    ({"type": "icontains", "value": "rome"}, "in ROME", "in Bari"),
    ({"type": "contains-all", "value": "a, b"}, "b a", "a"),
    ({"type": "contains-any", "value": ["a", "b"]}, "b", "c"),
    ({"type": "icontains-all", "value": ["A"]}, "a", "c"),
    ({"type": "contains-any", "value": 'x, "a, ""b\\\\"'}, 'a, "b\\', 'a, "c'),
    ({"type": "contains-all", "value": [" a", 1]}, "1 a", "1a"),
    ({"type": "regex", "value": "^a+$"}, "aa", "ab"),
    ({"type": "regex", "value": "^a+$"}, "aa", "aa\n"),
    ({"type": "regex", "value": r"^\w+$"}, "cafe", "café"),
    ({"type": "regex", "value": r"(?<year>\d{4})[$]?(?=-)(?<!x)"}, "2024-", "٢٠٢٤-"),
    ({"type": "starts-with", "value": "a.b"}, "a.bc", "axbc"),
    ({"type": "is-json"}, "[1]", "x"),
    ({"type": "is-json"}, "1", "NaN"),
    ({"type": "is-json", "value": {"items": [{"type": "number"}]}}, "[1, 2]", '["a"]'),
    ({"type": "contains-json"}, 'so {"a": 1}!', "{so}"),
    ({"type": "python", "value": "len(output) < 3 and context['vars']['q'] == 'x'"}, "ab", "abc"),
    ({"type": "python", "value": "n = len(output)\nreturn n / 4", "threshold": 0.5}, "abc", "a"),
    ({"type": "python", "value": "{'pass': output == 'a', 'score': 1, 'reason': 'r'}"}, "a", "b"),
    ({"type": "python", "value": "json.loads(output)['a'] == 1"}, '{"a": 1}', '{"a": 2}'),
    ({"type": "python", "value": "str(output == 'a')"}, "a", "b"),
    ({"type": "python", "value": "{'pass': True, 'score': len(output) / 4}", "threshold": 0.5}, "ab", "a"),
    ({"type": "levenshtein", "value": "kitten", "threshold": 3}, "sitting", "sit on it"),
    ({"type": "word-count", "value": {"min": 2, "max": 3}}, "a b", "a"),
    ({"type": "word-count", "value": 2}, "a b", "a b c"),
    ({"type": "not-equals", "value": "a"}, "b", "a"),
    ({"type": "not-equals", "value": "a"}, "a ", "a"),
    ({"type": "not-contains", "value": "a"}, "b", "ba"),
    ({"type": "not-icontains-any", "value": "A,x"}, "b", "ba"),
    ({"type": "not-contains-all", "value": "a,b"}, "a", "ab"),
    ({"type": "not-regex", "value": "[0-9]"}, "b", "b2"),
    ({"type": "not-starts-with", "value": "As an AI"}, "b", "As an AI, b"),
    ({"type": "not-is-json"}, "b", "1"),
    ({"type": "not-python", "value": "output == 'a'"}, "b", "a"),
]  # fmt: skip


@pytest.mark.parametrize(("assertion", "right", "wrong"), DO, ids=lambda value: str(value)[:50])
async def test_assertions_judge_as_promptfoo_does(
    tmp_path: Path, assertion: dict[str, Any], right: str, wrong: str
) -> None:
    (good,) = await judged(tmp_path / "a", assertion, right)
    (bad,) = await judged(tmp_path / "b", assertion, wrong)
    assert good.passed and not bad.passed


def test_similar_compares_meanings(tmp_path: Path) -> None:
    assertion = {"type": "similar", "value": "Hello!", "threshold": 0.8}
    config = {"prompts": ["{{q}}"], "tests": [{"vars": {"q": "x"}, "assert": [assertion]}]}
    _, project, cases = made(tmp_path, json.dumps(config))
    assert build_judge(project.settings, project.dir, cases).asks == {"embedding"}
    assert cases[0].expected == "Hello!"


def test_every_mapped_assertion_is_taken_over_or_told(tmp_path: Path) -> None:
    for number, kind in enumerate(CANDIDATES):
        assertion = {"type": kind, "value": "2", "threshold": 1}
        config = {"prompts": "{{q}}", "tests": [{"vars": {"q": "x"}, "assert": [assertion]}]}
        imported, project, cases = made(tmp_path / str(number), json.dumps(config))
        checks = [*project.settings.checks, *cases[0].checks]
        told = [one for one in imported.notices if f"not taken over: the assertion {kind}: " in one]
        assert len(checks) + len(told) == 1, kind


def test_a_check_that_comes_later_is_used_as_soon_as_it_is_there(tmp_path: Path) -> None:
    config = {
        "prompts": ["{{q}}"],
        "tests": [
            {
                "vars": {"q": "x"},
                "assert": [
                    {"type": "similar", "value": "ref", "weight": 3},
                    {"type": "not-contains", "value": "y"},
                    {"type": "not-equals", "value": "z"},
                ],
            }
        ],
    }
    allowed = {"similarity", "contains", "regex"}
    imported = import_project(
        write(tmp_path, json.dumps(config)), accepts=lambda table: "" if table["type"] in allowed else "no"
    )
    similar, absent, other = imported.settings.checks
    assert (similar.type, similar.threshold, similar.weight) == ("similarity", 0.75, 3.0)
    assert similar.options["method"] == "embedding"
    assert (absent.type, absent.options["not"]) == ("contains", True)
    assert (other.type, other.options["pattern"], other.options["not"]) == ("regex", r"\Az\Z", True)
    assert json.loads(imported.files["cases.jsonl"])["expected"] == "ref"


def test_what_is_not_quite_the_same_is_told(tmp_path: Path) -> None:
    assertions = [
        {"type": "llm-rubric", "value": "is kind"},
        {"type": "python", "value": "len(output) / 4"},
        {"type": "python", "value": "len(output) < 4 and not (output == 'a' or output.startswith('b'))"},
        {"type": "python", "value": "if output:\n    return True\nreturn any(output)"},
        {"type": "is-json", "value": {"properties": {"a": {"format": "date"}}}},
        {"type": "similar", "value": "ref", "config": {"a": 1}},
        {"type": "rouge-n", "value": "ref"},
        {"type": "bleu", "value": "ref"},
        {"type": "not-similar", "value": "ref"},
        {"type": "not-levenshtein", "value": "ref"},
        {"type": "contains-any", "value": ["a", ""]},
        {"type": "contains-all", "value": "a, b"},
        {"type": "contains-all", "value": "a"},
        {"type": "not-contains-any", "value": "a, b"},
        {"type": "contains-any", "value": 'a, "b'},
    ]
    test = {"vars": {"q": "x"}, "assert": assertions, "provider": "openai:gpt-4o", "options": {"repeat": 2}}
    config = {
        "prompts": ["{{q}}"],
        "providers": [{"id": "openai:gpt-4o", "transform": "output.trim()"}],
        "tests": [{**test, "prompts": ["a"]}],
        "evaluateOptions": {"repeat": 3},
    }
    imported = import_project(write(tmp_path, json.dumps(config)), accepts=refusal)
    told = "\n".join(imported.notices)
    for words in (
        "changed: the assertion llm-rubric: a judge scores it from 1 to 5",
        "changed: the assertion python: a score that it returns counts as 1 if it passes and as 0 if not; "
        "a check of type callable would keep it (tests[0].assert[1])",
        "changed: the assertion contains-all: it scores the share of its texts that are as they should be; "
        "there it scores 1 or 0 (tests[0].assert[11])",
        "changed: the assertion not-contains-any: it scores the share",
        "changed: the assertion is-json: formats in its schema are not looked at here",
        "not taken over: config of an assertion (tests[0].assert[5])",
        "not taken over: the assertion rouge-n: it counts words in a way of its own; the nearest check",
        "not taken over: the assertion bleu: it reckons BLEU in a way of its own",
        "not taken over: the assertion not-similar: no check does this turned round",
        "not taken over: the assertion contains-any: it looks for an empty text",
        "not taken over: the assertion contains-any: its list can't be read",
        "not taken over: the provider of a test (tests[0])",
        "not taken over: prompts of a test (tests[0])",
        "not taken over: repeat of outputs or prompts (tests[0])",
        "not taken over: transform of a provider (providers[0])",
        "no grader is named: judge is openai/gpt-4o; mend [models.judge] in project.toml",
    ):
        assert words in told, words
    assert imported.settings.evaluation.repeats == 3
    assert imported.settings.models["judge"].model == "openai/gpt-4o"


def graded(folder: Path, default: Any, *tests: tuple[Any, Any]) -> Imported:
    """A configuration whose tests name graders: in their options, and in their assertion."""
    config = {
        "prompts": ["{{q}}"],
        "providers": ["openai:gpt-4o-mini"],
        "defaultTest": {"options": {"provider": default}} if default else {},
        "tests": [
            {
                "vars": {"q": f"x{number}"},
                "options": {"provider": of_test} if of_test else {},
                "assert": [{"type": "llm-rubric", "value": "is kind", "provider": own}],
            }
            for number, (of_test, own) in enumerate(tests)
        ],
    }
    return import_project(write(folder, json.dumps(config)), accepts=refusal)


def test_the_grader_becomes_the_judge(tmp_path: Path) -> None:
    grader = {"id": "anthropic:messages:claude-sonnet-4-5", "config": {"temperature": 0, "max_tokens": 99}}
    for number, arguments in enumerate(
        (
            (None, (None, grader)),
            (None, (grader, None)),
            (grader, (None, None)),
            ({"text": grader, "embedding": "openai:embedding:text-embedding-3-small"}, (None, None)),
            ("openai:gpt-4o", ("openai:gpt-4", grader)),
        )
    ):
        imported = graded(tmp_path / str(number), *arguments)
        judge = imported.settings.models["judge"]
        assert (judge.model, judge.temperature, judge.max_tokens) == (
            "anthropic/claude-sonnet-4-5",
            0,
            99,
        ), number
        assert not any("grader" in notice for notice in imported.notices)


def test_several_graders_and_odd_ones_are_told(tmp_path: Path) -> None:
    imported = graded(
        tmp_path, None, (None, "openai:gpt-4o"), (None, "openai:gpt-4o"), (None, "openai:o3"), (None, None),
        (None, "file://grade.py"),
    )  # fmt: skip
    assert imported.settings.models["judge"].model == "openai/gpt-4o"
    told = "\n".join(imported.notices)
    assert "the grader openai:o3 (judge is openai:gpt-4o for all) (tests[2].assert[0])" in told
    assert "changed: what names no grader is graded by openai:gpt-4o, too (tests[3].assert[0])" in told
    assert "the grader file://grade.py" in told
    alone = graded(tmp_path / "alone", "file://grade.py", (None, None))
    assert alone.settings.models["judge"].model == "openai/gpt-4o"
    told = "\n".join(alone.notices)
    assert "the grader file://grade.py, which is no model here" in told


def test_without_a_graded_assertion_there_is_no_judge(tmp_path: Path) -> None:
    imported = made(tmp_path, CONFIG, other__txt="x")[0]
    assert "judge" not in imported.settings.models


def test_lists_of_variables_are_kept_if_that_is_wanted(tmp_path: Path) -> None:
    test = {"vars": {"q": ["a", "b"]}, "assert": [{"type": "contains", "value": "a"}]}
    for options, number in (({}, 2), ({"disableVarExpansion": True}, 1)):
        config = {"prompts": ["{{q}}"], "tests": [{**test, "options": options}]}
        assert len(made(tmp_path / str(number), json.dumps(config))[2]) == number


def test_sets_references_and_weights(tmp_path: Path) -> None:
    config = """\
prompts: ['{{q}}']
assertionTemplates: {short: {type: python, value: len(output) < 9}}
tests:
  - vars: {q: x}
    assert:
      - $ref: '#/assertionTemplates/short'
      - {type: equals, value: first}
      - {type: equals, value: second}
      - {type: contains, value: nothing, weight: 0}
      - {type: contains, value: a, transform: output.trim()}
      - {type: contains, value: '{{ word | upper }}'}
      - type: assert-set
        weight: 4
        threshold: 0.5
        assert: [{type: contains, value: a, weight: 3}, {type: contains, value: b}]
"""
    imported, project, _ = made(tmp_path, config)
    assert [(check.name, check.type, check.weight) for check in project.settings.checks] == [
        ("python", "assertion", 1),
        ("equals", "exact", 1),
        ("equals (2)", "regex", 1),
        ("contains", "contains", 3),
        ("contains (2)", "contains", 1),
    ]
    told = "\n".join(imported.notices)
    for words in ("its weight is 0", "a transformed output", "'{{ word | upper }}'", "of an assert-set"):
        assert words in told


def test_tests_in_files(tmp_path: Path) -> None:
    rows = "q,expected_topic,__expected,__expected2,__description,__metadata:area\n"
    rows += (
        'a,t,"contains-any: x, y",fn: true,one,n\nb,t,plain,,two,\nc,t,"levenshtein(2): abc",is-json,three,\n'
    )
    config = "prompts: file://p.txt\ntests:\n- file://t.csv\n- more/*.yaml\n- vars: {q: file://long.txt}\n- file://gen.py\n"
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "m.yaml").write_text("- vars: {q: d}\n  assert: [{type: contains, value: z}]\n")
    files = {"p__txt": "Q: {{q}}\n", "long__txt": "long text", "t__csv": rows, "gen__py": ""}
    imported, project, cases = made(tmp_path, config, **files)
    assert project.settings.prompt == "Q: {q}" and not project.settings.checks
    assert [case.inputs for case in cases] == [{"q": text} for text in ("a", "b", "c", "d")]
    assert [[check["type"] for check in case.checks] for case in cases] == [
        ["contains"], ["exact"], ["assertion", "format"], ["contains"]
    ]  # fmt: skip
    assert json.loads(imported.files["cases-without-checks.jsonl"]) == {"q": "long text"}
    assert cases[1].expected == "plain" and cases[0].tags == ("area: n",)
    told = "\n".join(imported.notices)
    assert "tests of file://gen.py" in told and "t.csv, row 1 (line 2).assert[1]" in told
    assert "1 of 5 cases have no check, and are left out: they are in cases-without-checks.jsonl" in told


@pytest.mark.parametrize(
    ("cell", "table"),
    [
        ("Paris", {"type": "equals", "value": "Paris"}),
        ("contains: a: b", {"type": "contains", "value": "a: b"}),
        ("note: this is text", {"type": "equals", "value": "note: this is text"}),
        ("similar(0.8): x", {"type": "similar", "value": "x", "threshold": 0.8}),
        ("not-icontains:x", {"type": "not-icontains", "value": "x"}),
        ("is-json", {"type": "is-json"}),
        ("equals", {"type": "equals", "value": "equals"}),
        ("eval: a", {"type": "javascript", "value": "a"}),
        ("grade: kind", {"type": "llm-rubric", "value": "kind"}),
    ],
)
def test_cells_in_short_form(cell: str, table: dict[str, Any]) -> None:
    assert parse_cell(cell) == table


def test_chats_and_names_with_a_meaning(tmp_path: Path) -> None:
    chat = json.dumps([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "{{ text }}"}])
    tests = "tests: [{vars: {text: t, id: 7, user: {name: Ann}}, assert: [{type: contains, value: x}]}]\n"
    project = made(tmp_path / "a", "prompts: file://c.json\n" + tests, c__json=chat)[1]
    assert project.settings.prompt == "Be kind."
    imported, project, cases = made(
        tmp_path / "b", "prompts: ['{{id}} {{user.name}} {% if x %} {text}']\n" + tests
    )
    assert Prompt(text=project.settings.prompt).render(cases[0])[0].content == "7 Ann {% if x %} {text}"
    assert any("logic in the prompt" in notice for notice in imported.notices)


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("openai:gpt-4.1", "openai/gpt-4.1"),
        ("openai:responses:gpt-5", "openai/gpt-5"),
        ("ollama:chat:llama3:8b", "ollama_chat/llama3:8b"),
        ("ollama:llama3:8b", "ollama_chat/llama3:8b"),
        ("google:gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("openrouter:meta/llama", "openrouter/meta/llama"),
        ("openai:embedding:small", None),
        ("exec:python x.py", None),
        ("https://example.org", None),
        ("openai", None),
    ],
)
def test_providers(identity: str, name: str | None) -> None:
    assert model_name(identity) == name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prompts: ['x']\ntests: []\n", "there are no tests"),
        ("prompts: ['x']\nproviders: [a]\n", "there are no tests"),
        ("prompts: []\ntests: [{vars: {a: b}}]\n", "no prompt that can be read"),
        ("prompts: [file://x.js]\ntests: [{vars: {a: b}}]\n", "no prompt that can be read"),
        ("prompts: [file://gone.txt]\ntests: [{vars: {a: b}}]\n", "there is no such file"),
        ("prompts: ['{{a}}']\ntests: [{vars: {a: file:///etc/passwd}}]\n", "outside of the configuration"),
        ("prompts: ['{{a}}']\ntests: file://../secret.csv\n", "outside of the configuration"),
        ("prompts: ['{{a}}']\ntests: 7\n", "expected a list of tests"),
        ("prompts: ['{{a}}']\ntests: [7]\n", "tests[0]: found 7"),
        ("prompts: ['{{a}}']\ntests: [{vars: [1]}]\n", "tests[0].vars: found no table"),
        ("prompts: ['{{a}}']\ndefaultTest: [1]\ntests: [{vars: {a: 1}}]\n", "defaultTest: found no table"),
        ("prompts: ['{{a}}']\ntests: loop.yaml\n", "name each other without an end"),
        (
            f"prompts: ['{{{{a}}}}']\ntests: [{{vars: {{a: {[1] * 200}, b: {[1] * 200}}}}}]\n",
            "10,000 combinations",
        ),
        ("prompts: [7]\ntests: [{vars: {a: b}}]\n", "prompts[0]"),
    ],
)
def test_configurations_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(SettingsError) as caught:
        import_project(write(tmp_path / "x", text, loop__yaml="- file://loop.yaml\n"), accepts=refusal)
    assert words in str(caught.value)


def test_a_run_of_a_configuration_says_how_to_import_it(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"promptopt new NAME --from promptfooconfig\.yaml"):
        load_project(write(tmp_path, CONFIG))
    assert import_project(write(tmp_path, CONFIG, other__txt="x").parent).settings.name == "Capital cities"
