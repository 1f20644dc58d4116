"""New projects from files of cases, YAML configurations and other projects."""

import json
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.errors import SettingsError
from promptopt.store.casefiles import load_dataset
from promptopt.store.importing import import_project, litellm_name, load_cases
from promptopt.store.projects import load_project, save_project

CONFIG = """\
# config.yaml
task_description: |
  Generate sentiment analysis for product reviews.
  Output should be: positive, negative, or neutral.

target_model:
  provider: anthropic
  model: claude-sonnet-4.5
  temperature: 0.7
  max_tokens: 500

optimizer:
  model: claude-opus-4.5
  max_iterations: 20
  plateau_threshold: 5

evaluations:
  - type: input_output
    cases:
      - input: "This product is amazing!"
        expected: "positive"
      - input: "Terrible quality, broke immediately"
        expected: "negative"
      - input: "It's okay, nothing special"
        expected: "neutral"

  - type: assertion
    description: "Output must be one of: positive, negative, neutral"
    code: |
      assert output.strip().lower() in ['positive', 'negative', 'neutral']
"""

DESCRIPTION = (
    "Generate sentiment analysis for product reviews.\nOutput should be: positive, negative, or neutral."
)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refused(source: Path, name: str | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        import_project(source, name)
    return str(caught.value)


def test_the_configuration_as_it_stands(tmp_path: Path) -> None:
    path = write(tmp_path / "reviews", "config.yaml", CONFIG)
    project = load_project(path)
    settings = project.settings
    assert project.notices == () and project.path == path
    assert settings.name == "reviews"
    assert settings.prompt == settings.task.description == DESCRIPTION
    target, optimizer = settings.models["target"], settings.models["optimizer"]
    assert (target.model, target.temperature, target.max_tokens) == ("anthropic/claude-sonnet-4-5", 0.7, 500)
    assert (optimizer.model, optimizer.max_tokens) == ("anthropic/claude-opus-4-5", 4096)
    assert settings.optimizer.name == "refine"
    assert settings.optimizer.model_extra == {"max_iterations": 20, "plateau": 5}
    exact, assertion = settings.checks
    assert exact.type == "exact"
    assert (assertion.type, assertion.name) == (
        "assertion",
        "Output must be one of: positive, negative, neutral",
    )
    assert assertion.options == {
        "code": "assert output.strip().lower() in ['positive', 'negative', 'neutral']\n"
    }
    cases = load_dataset(settings, project.dir).dataset.train
    assert [(case.input_text, case.expected) for case in cases] == [
        ("This product is amazing!", "positive"),
        ("Terrible quality, broke immediately", "negative"),
        ("It's okay, nothing special", "neutral"),
    ]


def test_of_checks_only_a_project_is_told(tmp_path: Path) -> None:
    rows = [{"input": f"text {n}", "expected": f"{n} " * 200} for n in range(12)]
    path = write(tmp_path, "long.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert any("choose another check in project.toml" in one for one in import_project(path).notices)
    loaded, notices = load_cases(path)
    assert len(loaded.dataset.train) and not any("project.toml" in one for one in notices)


def test_the_configuration_becomes_a_project_file(tmp_path: Path) -> None:
    path = write(tmp_path, "reviews.yaml", CONFIG)
    settings, files, _ = import_project(path)
    assert files == {} and settings.name == "reviews"
    renamed, _, _ = import_project(path, "My reviews")
    assert renamed.name == "My reviews"
    assert load_project(save_project(settings, tmp_path / "new")).settings == settings
    write(tmp_path / "folder", "config.yaml", CONFIG)
    assert import_project(tmp_path / "folder", "reviews")[0] == settings


def test_what_a_careful_user_adds_to_the_configuration(tmp_path: Path) -> None:
    text = CONFIG.replace("  max_tokens: 500", "  base_url: http://127.0.0.1:1/v1\n  api_key_env: MY_KEY")
    text = text.replace("plateau_threshold", "plateau")
    text += "initial_prompt: Say how they feel.\nbudget: {usd: 2, calls: 50}\nname: feelings\nowner: me\n"
    project = load_project(write(tmp_path, "config.yaml", text))
    settings, target = project.settings, project.settings.models["target"]
    assert (settings.name, settings.prompt) == ("feelings", "Say how they feel.")
    assert (target.base_url, target.api_key_env) == ("http://127.0.0.1:1/v1", "MY_KEY")
    assert settings.budget.limits() == {"usd": 2.0, "calls": 50.0}
    assert (settings.optimizer.model_extra or {})["plateau"] == 5
    assert project.notices == ("unknown key owner is ignored",)


def test_configurations_that_cannot_be_used(tmp_path: Path) -> None:
    only_assertion = (
        CONFIG[: CONFIG.index("  - type: input_output")] + CONFIG[CONFIG.index("  - type: assertion") :]
    )
    for text, *words in (
        (only_assertion, "there are no cases", "input_output"),
        (CONFIG.replace("evaluations", "evals"), "no cases", "evaluations"),
        (CONFIG.replace("    code: |\n      assert", "    # "), "evaluations[1].code"),
        (
            CONFIG.replace("type: assertion", "type: judge"),
            "evaluations[1].type: found 'judge'",
            "'assertion'",
        ),
        (CONFIG.replace("temperature: 0.7", "temperature: hot"), "target_model.temperature: found 'hot'"),
        (CONFIG.replace("max_tokens", "max_tokns"), "target_model.max_tokns", "max_tokens?"),
        (CONFIG.replace("  model: claude-sonnet-4.5\n", ""), "target_model.model: missing"),
        (
            CONFIG.replace("task_description", "x_y_z"),
            "task_description is missing",
        ),
        (CONFIG + "budget: {dollars: 3}\n", "budget.dollars"),
    ):
        message = refused(write(tmp_path, "config.yaml", text))
        assert all(word in message for word in words) and "config.yaml" in message


def test_assertions_with_inputs_only(tmp_path: Path) -> None:
    bare = "".join(line for line in CONFIG.splitlines(True) if "expected:" not in line)
    twice = bare + bare[bare.index("  - type: assertion") :] + "prompt:\n"
    settings = load_project(write(tmp_path, "bare.yaml", twice)).settings
    assert [check.type for check in settings.checks] == ["assertion", "assertion"]
    assert len({check.name for check in settings.checks}) == 2
    assert settings.prompt == DESCRIPTION


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("claude-sonnet-4.5", "anthropic", "anthropic/claude-sonnet-4-5"),
        ("claude-3.5-haiku", "Anthropic", "anthropic/claude-3-5-haiku"),
        ("claude-opus-4-5", "anthropic", "anthropic/claude-opus-4-5"),
        ("gpt-4.1-mini", "openai", "openai/gpt-4.1-mini"),
        ("gemini-2.5-pro", "google", "gemini/gemini-2.5-pro"),
        ("gemini-2.5-pro", "gemini", "gemini/gemini-2.5-pro"),
        ("llama3.2", "ollama", "ollama_chat/llama3.2"),
        ("hf.co/some/model", "ollama", "ollama_chat/hf.co/some/model"),
        ("openai/gpt-4o", "openai", "openai/gpt-4o"),
        ("openai/gpt-4o", "anthropic", "openai/gpt-4o"),
        ("anthropic/claude-3.5-sonnet", "openrouter", "openrouter/anthropic/claude-3.5-sonnet"),
        ("groq/llama", "groq", "groq/llama"),
        ("claude-opus-4.5", None, "anthropic/claude-opus-4-5"),
        ("o3-mini", None, "openai/o3-mini"),
        ("gemini-2.5-pro", None, "gemini/gemini-2.5-pro"),
        ("sim/target", None, "sim/target"),
        ("mistral-large", None, "mistral-large"),
    ],
)
def test_model_names(model: str, provider: str | None, name: str) -> None:
    assert litellm_name(model, provider) == name


ROWS = {
    "text,queue\nhello,billing\nbye,sales\n": ("text", "queue", "exact"),
    "ID,Question,Context,Answer,created\n1,q,c,a,x\n": (["Question", "Context"], "Answer", "exact"),
    "prompt;completion\np;c\n": ("prompt", "completion", "exact"),
    "comment,verdict_2024\nx,y\n": ("comment", "verdict_2024", "exact"),
    'review,label\nx,"{""a"": 1}"\ny,"{""a"": 2}"\n': ("review", "label", "json_fields"),
    "foo,bar,baz\n1,2,3\n": (["foo", "bar", "baz"], None, None),
    "text,author,date\n1,2,3\n": ("text", None, None),
}


@pytest.mark.parametrize("content", ROWS)
def test_columns_are_guessed_and_written_down(tmp_path: Path, content: str) -> None:
    inputs, expected, check = ROWS[content]
    settings, files, _ = import_project(write(tmp_path, "my cases.csv", content), "New")
    assert (settings.data.input, settings.data.expected) == (inputs, expected)
    assert [item.type for item in settings.checks] == ([check] if check else [])
    assert settings.name == "New" and settings.models["target"].model == "openai/gpt-4o-mini"
    path = save_project(settings, tmp_path / "new", files)
    project = load_project(path)
    assert project.settings == settings
    assert len(load_dataset(project.settings, project.dir).dataset) == content.count("\n") - 1


def test_cases_in_json_and_yaml(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"input": "a", "expected": {"x": 1}}, {"input": "b", "expected": {"x": 2}}]
    for name, text in (
        ("a.json", json.dumps(rows)),
        ("b.jsonl", "\n".join(map(json.dumps, rows))),
        ("c.yaml", json.dumps({"cases": rows})),
    ):
        settings, files, _ = import_project(write(tmp_path, name, text))
        assert settings.name == name[0] and settings.data.file == name and list(files) == [name]
        assert settings.checks[0].type == "json_fields"
        assert settings.prompt == "You are given the input. Answer with the expected and nothing else."


PROJECT = 'name = "old"\nprompt = "p"\n[models.target]\nmodel = "sim/target"\n[data]\n'


def test_a_project_is_copied_with_its_files(tmp_path: Path) -> None:
    write(tmp_path, "elsewhere/cases.csv", "input\nfar\n")
    write(tmp_path, "old/parts/cases.csv", "input\nnear\n")
    absolute = write(tmp_path, "abs.csv", "input\nabsolute\n")
    write(tmp_path, "old/judging.py", "def fair(output, expected, inputs): return 1.0\n")
    data = f'train = "parts/cases.csv"\nvalidation = "../elsewhere/cases.csv"\ntest = "{absolute}"\n'
    check = '[[checks]]\ntype = "callable"\nfunction = "judging:fair"\n'
    old = write(tmp_path, "old/project.toml", PROJECT + data + check)
    settings, files, _ = import_project(old.parent, "new")
    assert settings.name == "new"
    assert files["cases.csv"] == b"input\nnear\n" and files["validation-cases.csv"] == b"input\nfar\n"
    assert set(files) == {"cases.csv", "validation-cases.csv", "judging.py"}
    assert settings.data.test == str(absolute)
    project = load_project(save_project(settings, tmp_path / "new", files))
    before = load_dataset(load_project(old).settings, old.parent)
    assert load_dataset(project.settings, project.dir) == before


def test_a_yaml_file_that_is_neither_is_told_what_either_would_be(tmp_path: Path) -> None:
    said = refused(write(tmp_path, "odd.yaml", "steps: [1]\nowner: me\n"))
    assert "neither a prompt-optimization configuration nor a list of cases; its keys: steps, owner" in said
    assert "task_description, target_model and evaluations" in said


def test_sources_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, "lost/project.toml", PROJECT + 'file = "gone.csv"\n')
    write(tmp_path, "notes.txt", "hello")
    write(tmp_path, "only.csv", "expected,id\nx,1\n")
    cases = write(tmp_path, "cases.csv", "input,expected\nx,y\n")
    assert "no file of cases" in refused(tmp_path / "empty")
    assert "gone.csv: there is no such file" in refused(tmp_path / "lost")
    assert "unknown kind of file" in refused(tmp_path / "notes.txt")
    assert "no such file" in refused(tmp_path / "nothing.csv")
    assert "no such file" in refused(tmp_path / "nothing")
    assert "no column can be the input" in refused(tmp_path / "only.csv")
    assert "expected 1 to 100" in refused(cases, "x" * 101)
    assert "expected 1 to 100" in refused(cases, "  ")
