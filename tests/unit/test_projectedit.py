"""Editing a project file: what was not changed stays byte for byte, what others wrote is not lost."""

import os
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.errors import SettingsError
from promptopt.store.projectedit import ChangedOutside, ProjectDocument, rename
from promptopt.store.projects import FILE

BY_HAND = """\
# What our support does all day.
name = "tickets"   # short, please

prompt = '''
Sort {input}.  '''

[models]
  [models.target]
    model = 'openai/gpt-4o-mini'     # cheap
    temperature=0.0
  [models.optimizer]
    model = "anthropic/claude-opus-4-5"

[budget]      # never more
usd = 1_0.50
calls = 0x10

[[checks]]
type = "exact"

# the second one is about form
[[checks]]
type = "length"
max_words = 20
weight = 0.5

[data]
cases = [
  { input = "a", expected = "b" }, # first
  { input = "c", expected = "d" },
]
"""


def opened(folder: Path, text: str = BY_HAND) -> ProjectDocument:
    path = folder / FILE
    path.write_bytes(text.encode())
    return ProjectDocument.open(path)


def test_a_change_leaves_everything_else_as_it_was_written(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("budget", "calls"), 40)
    document.set(("models", "target", "temperature"), 0.7)
    document.set(("checks", 1, "weight"), 2.0)
    document.save()
    wanted = BY_HAND.replace("calls = 0x10", "calls = 40").replace("temperature=0.0", "temperature=0.7")
    assert (tmp_path / FILE).read_text() == wanted.replace("weight = 0.5", "weight = 2.0")


def test_a_comment_stays_at_the_value_that_is_changed(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("name",), "queue")
    assert 'name = "queue"   # short, please' in document.text


def test_what_is_new_is_added_where_it_belongs(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("optimizer", "name"), "grpo")
    document.set(("demonstrations",), [{"inputs": {"input": "x"}, "output": "y"}])
    document.set(("checks", 2), {"type": "contains", "text": "thanks"})
    document.set(("models", "judge", "model"), "sim/judge")
    document.set(("models", "judge", "price", "input"), 0.5)
    document.set(("models", "judge", "price", "output"), 1)
    document.set(("task", "constraints", 0), {"name": "short", "max_words": 9})
    document.set(("prompt",), 'Two\nlines, "quoted", and a \\ mark.\n')
    found = tomllib.loads(document.text)
    assert found["optimizer"] == {"name": "grpo"}
    assert found["checks"][2] == {"type": "contains", "text": "thanks"}
    assert found["models"]["judge"] == {"model": "sim/judge", "price": {"input": 0.5, "output": 1}}
    assert found["task"]["constraints"] == [{"name": "short", "max_words": 9}]
    assert found["prompt"] == 'Two\nlines, "quoted", and a \\ mark.\n'
    assert "# the second one is about form" in document.text
    assert document.check()[1] == []


def test_taking_out_and_undoing(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.unset(("budget", "usd"))
    document.unset(("budget", "nothing"))
    document.unset(("checks", 0))
    assert document.get(("budget",)) == {"calls": 16}
    assert [check["type"] for check in document.get(("checks",))] == ["length"]
    assert document.undo() and document.undo() and not document.undo()
    assert document.text == BY_HAND and not document.changed
    assert document.redo() and document.get(("budget", "usd")) is None


def test_the_same_value_is_no_change(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("budget", "usd"), 10.5)
    document.set(("name",), "tickets")
    assert document.text == BY_HAND and not document.undo()


def test_whole_numbers_and_numbers_are_told_apart(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("budget", "calls"), 16.0)
    assert "calls = 16.0" in document.text


def test_flaws_are_named_by_their_key(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("models", "target", "temperature"), "warm")
    document.set(("budget", "usd"), -1)
    found, flaws, _ = document.check()
    assert found is None
    assert {flaw.keys for flaw in flaws} == {("models", "target", "temperature"), ("budget", "usd")}
    assert [str(f) for f in flaws if f.keys[0] == "budget"] == [
        "budget.usd: found -1, expected a number above 0"
    ]


def test_a_secret_is_neither_accepted_nor_written(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("models", "target", "api_key_env"), "sk-abcdefghijklmnop1234")
    assert "environment variable" in document.check()[1][0].text
    with pytest.raises(SettingsError, match="looks like a key"):
        document.save()
    assert (tmp_path / FILE).read_text() == BY_HAND


def test_what_somebody_else_wrote_is_noticed_and_not_overwritten(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("name",), "mine")
    assert document.outside() is None
    theirs = BY_HAND.replace("tickets", "theirs")
    (tmp_path / FILE).write_text(theirs)
    assert document.outside() == theirs
    with pytest.raises(ChangedOutside, match="changed by somebody else"):
        document.save()
    assert (tmp_path / FILE).read_text() == theirs
    document.reload()
    assert document.get(("name",)) == "theirs" and not document.changed
    assert document.undo() and document.get(("name",)) == "mine"
    document.save()
    assert tomllib.loads((tmp_path / FILE).read_text())["name"] == "mine"


def test_one_that_only_was_touched_is_the_same(tmp_path: Path) -> None:
    document = opened(tmp_path)
    os.utime(tmp_path / FILE, (1, 1))
    assert document.outside() is None


def test_mine_can_be_kept_and_a_file_that_is_gone_is_written_anew(tmp_path: Path) -> None:
    document = opened(tmp_path)
    document.set(("name",), "mine")
    (tmp_path / FILE).write_text("name = 'theirs'")
    document.save(force=True)
    assert tomllib.loads((tmp_path / FILE).read_text())["name"] == "mine"
    (tmp_path / FILE).unlink()
    document.set(("name",), "again")
    document.save()
    assert tomllib.loads((tmp_path / FILE).read_text())["name"] == "again"


def test_mode_and_link_stay(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    document = opened(tmp_path / "real")
    (tmp_path / "real" / FILE).chmod(0o640)
    (tmp_path / FILE).symlink_to(tmp_path / "real" / FILE)
    linked = ProjectDocument.open(tmp_path / FILE)
    linked.set(("name",), "other")
    linked.save()
    assert (tmp_path / FILE).is_symlink()
    assert (tmp_path / "real" / FILE).stat().st_mode & 0o777 == 0o640
    assert document.outside() is not None


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_the_byte_order_mark_stay(tmp_path: Path, start: bytes) -> None:
    content = start + BY_HAND.replace("\n", "\r\n").encode()
    (tmp_path / FILE).write_bytes(content)
    document = ProjectDocument.open(tmp_path / FILE)
    document.set(("budget", "calls"), 17)
    document.save()
    assert (tmp_path / FILE).read_bytes() == content.replace(b"0x10", b"17")


def test_yaml_is_told_the_way(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("task_description: x\n")
    with pytest.raises(SettingsError) as refused:
        ProjectDocument.open(path)
    assert "promptopt new NAME --from config.yaml" in refused.value.fix


def test_a_new_name(tmp_path: Path) -> None:
    document = opened(tmp_path)
    rename(document.path, "copy of it")
    assert (tmp_path / FILE).read_text() == BY_HAND.replace('"tickets"', '"copy of it"')
    with pytest.raises(SettingsError):
        rename(document.path, " ")


NAMES = st.sampled_from(["a", "b", "key with space", "ключ", "x.y"])
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
VALUES = st.one_of(
    st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False, allow_infinity=False), TEXTS,
    st.lists(TEXTS, max_size=3),
)  # fmt: skip
TABLES = st.dictionaries(NAMES, st.one_of(VALUES, st.dictionaries(NAMES, VALUES, max_size=3)), max_size=4)


@given(data=TABLES, keys=st.lists(NAMES, min_size=1, max_size=3), value=VALUES)
@settings(deadline=None)
def test_a_change_is_what_was_meant_and_can_be_undone(
    data: dict[str, Any], keys: list[str], value: Any
) -> None:
    text = tomli_w.dumps(data, multiline_strings=True) or "\n"
    document = ProjectDocument(Path("nowhere/project.toml"), text, "")
    for key in keys[:-1]:  # a value that is in the way of a table
        data = data.get(key, {}) if isinstance(data, dict) else data
        if not isinstance(data, dict):
            return
    document.set(tuple(keys), value)
    assert document.get(tuple(keys)) == value
    document.unset(tuple(keys))
    assert document.get(tuple(keys)) is None
    while document.undo():
        pass
    assert document.text == text


SOME = st.sampled_from(["target", "model", "type"])
ODD = st.recursive(
    st.one_of(st.booleans(), st.integers(-5, 5), st.text("ab", max_size=2)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(SOME, inner),
    max_leaves=4,
)
TOPS = st.sampled_from(["name", "models", "judges", "checks", "task", "optimizer", "budget", "data", "cache"])
PLACES = st.sampled_from(
    [
        ("models", "target", "model"),
        ("checks", 0, "weight"),
        ("judges", 0),
        ("task", "constraints", 0, "name"),
        ("optimizer", "name"),
        ("data", "cases", 0, "input"),
        ("budget", "usd"),
    ]
)


@given(data=st.dictionaries(TOPS, ODD), keys=PLACES)
def test_whatever_a_file_says_it_is_judged_and_changed_or_refused(data: dict[str, Any], keys: Any) -> None:
    document = ProjectDocument(Path("nowhere/project.toml"), tomli_w.dumps(data) or "\n", "")
    document.check()
    document.flaw_if(keys, "x")
    try:
        document.set(keys, "x")
    except SettingsError:
        return
    assert document.get(keys) == "x"
