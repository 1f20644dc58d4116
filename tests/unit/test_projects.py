"""Project files: reading, errors that name every bad key, secrets, saving, finding, the data directory."""

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ProjectSettings
from promptopt.store.casefiles import load_dataset
from promptopt.store.home import home as home_dir
from promptopt.store.home import projects_dir
from promptopt.store.projects import find_project, list_projects, load_project, save_project, slugify
from promptopt.store.textfiles import parse_yaml

EXAMPLE = """\
name = "tickets"
prompt = "Sort this ticket."
[task]
description = "Route a support ticket to one of our four queues."
[models.target]
model = "openai/gpt-4o-mini"
base_url = "http://127.0.0.1:8000/v1"
api_key_env = "TICKETS_KEY"
temperature = 0.0
max_tokens = 200
max_concurrency = 64
[models.optimizer]
model = "anthropic/claude-opus-4-5"
[optimizer]
name = "refine"
max_iterations = 20
plateau = 5
seed = 0
[budget]
usd = 5.0
calls = 3000
minutes = 30
[data]
train = "train.jsonl"
validation = "val.jsonl"
test = "test.jsonl"
input = "text"
expected = "queue"
[[checks]]
type = "exact"
"""

SMALL = 'name = "a"\nprompt = "p"\n[models.target]\nmodel = "sim/target"\n'

FAKE_KEY = "sk-" + "proj-Abc123Def456Ghi789Jkl012"


def write(folder: Path, text: str | bytes, name: str = "project.toml") -> Path:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def refused(path: Path) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_project(path)
    return caught.value


def small_settings(**changes: Any) -> ProjectSettings:
    raw: dict[str, Any] = {"name": "a", "prompt": "p", "models": {"target": {"model": "sim/target"}}}
    return ProjectSettings.model_validate({**raw, **changes})


def test_example_loads_as_it_stands(tmp_path: Path) -> None:
    for split, number in (("train", 6), ("val", 3), ("test", 3)):
        queues = ("billing", "bug")
        lines = [f'{{"text": "{split} ticket {i}", "queue": "{queues[i % 2]}"}}' for i in range(number)]
        write(tmp_path, "\n".join(lines), f"{split}.jsonl")
    project = load_project(write(tmp_path, EXAMPLE))
    assert project.notices == ()
    assert project.dir == tmp_path
    settings = project.settings
    assert settings.models["target"].max_concurrency == 64
    assert settings.optimizer.model_extra == {"max_iterations": 20, "plateau": 5, "seed": 0}
    assert settings.budget.limits() == {"usd": 5.0, "calls": 3000.0, "minutes": 30.0}
    data = load_dataset(settings, project.dir)
    assert [len(data.dataset[split]) for split in ("train", "validation", "test")] == [6, 3, 3]
    assert data.notices == ()


def test_optimizer_model_keeps_room_for_a_prompt(tmp_path: Path) -> None:
    settings = load_project(write(tmp_path, EXAMPLE)).settings
    assert settings.models["optimizer"].max_tokens == 4096
    said = EXAMPLE.replace('claude-opus-4-5"', 'claude-opus-4-5"\nmax_tokens = 1024')
    again = load_project(write(tmp_path, said)).settings
    assert again.models["optimizer"].max_tokens == 1024
    saved = load_project(save_project(again, tmp_path / "copy")).settings
    assert saved.models["optimizer"].max_tokens == 1024


def test_syntax_error_names_line_and_column(tmp_path: Path) -> None:
    error = refused(write(tmp_path, 'name = "a"\nprompt = oops\n'))
    assert "line 2" in error.where and "column" in error.where and "project.toml" in error.where
    error = refused(write(tmp_path, "target_model: {a: b\nevaluations: [", "c.yaml"))
    assert "line" in error.where and "column" in error.where


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"  \n ", "empty"),
        (b'name = "a\0b"', "NUL"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "NUL"),
        (b'name = "caf\xe9"', "0xe9"),
        ('name = "a"'.encode("utf-16"), "UTF-16"),
        (b"x = " + b"[" * 20_000, "can't be read"),
        (b"a = " + b"9" * 5000, "can't be read"),
    ],
)
def test_unreadable_content_is_explained(tmp_path: Path, content: bytes, words: str) -> None:
    assert words in str(refused(write(tmp_path, content)))


def test_unusable_paths_are_explained(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    assert "did you mean project.toml" in str(refused(tmp_path / "projekt.toml"))
    (tmp_path / "folder.toml").mkdir()
    assert "no project.toml" in str(refused(tmp_path / "folder.toml"))
    write(tmp_path, "a,b\n", "cases.csv")
    assert "promptopt new NAME --from cases.csv" in str(refused(tmp_path / "cases.csv"))
    assert "can't be read" in str(refused(tmp_path / ("x" * 300 + ".toml")))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "project.toml"
    with path.open("wb") as file:
        file.truncate(100_000_000)
    error = refused(path)
    assert "100.0 MB" in error.what and "at most 5 MB" in error.what


def test_byte_order_mark_is_accepted(tmp_path: Path) -> None:
    assert load_project(write(tmp_path, b"\xef\xbb\xbf" + SMALL.encode())).settings.name == "a"


def test_every_bad_key_is_listed(tmp_path: Path) -> None:
    bad = SMALL + (
        'temperature = -1\nmax_tokens = "many"\ntimeout = "x"\n[models.targt]\nmodel = "x"\n'
        "[budget]\nusd = 0\n[data]\nsplit = [0.5, 0.5]\ninput = 3\n"
        '[[checks]]\ntype = "exact"\n[[checks]]\nweight = inf\n'
    )
    error = refused(write(tmp_path, bad))
    lines = {line.strip() for line in error.what.splitlines()}
    assert "models.target.temperature: found -1, expected a number of at least 0" in lines
    assert "models.target.max_tokens: found 'many', expected a whole number" in lines
    assert "models.target.timeout: found 'x', expected a number" in lines
    roles = "target, optimizer, judge, generator, embedding"
    assert f"models.targt: found a table, expected one of the roles {roles}" in lines
    assert "budget.usd: found 0, expected a number above 0" in lines
    assert "data.split: found a list, expected three numbers" in lines
    assert "data.input: found 3, expected text or a list" in lines
    assert "checks[1].type: missing, expected a value" in lines
    assert "checks[1].weight: found inf, expected a finite number" in lines
    assert error.what.startswith("9 keys") and str(tmp_path / "project.toml") in error.where


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "a"\nprompt = "p"\n', "models.target is missing"),
        ('name = "a"\n[models.target]\nmodel = "sim/x"\n', "task.description"),
        (SMALL.replace('"a"', '"  "'), "white space"),
        (SMALL.replace('"sim/target"', '""'), "text that is not empty"),
        ("models = 3\nname = 'a'", "models: found 3, expected a table"),
    ],
)
def test_missing_main_keys(tmp_path: Path, text: str, words: str) -> None:
    assert words in str(refused(write(tmp_path, text)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SMALL + "temperature = true\n", "models.target.temperature: found true or false, expected a number"),
        (SMALL + "max_token = 3\n", "models.target.max_token: unknown key, did you mean max_tokens?"),
        (SMALL + 'baseUrl = "http://x"\n', "did you mean base_url?"),
        ("promt = 'x'\n" + SMALL, "promt: unknown key, did you mean prompt?"),
        ("usd = 5\n" + SMALL, "budget.usd"),
        (SMALL + "[budget]\ndollars = 5\n", "budget.dollars: unknown key, expected one of usd"),
        (SMALL + "[budget]\ncall = 5\n", "did you mean calls?"),
        (SMALL + '[data]\nfiel = "x"\n', "did you mean file?"),
        (SMALL + '[[task.constraints]]\nname = "n"\nmax_word = 3\n', "task.constraints[0].max_word"),
        (SMALL + "[models.target.price]\ninput = 1\noutput = 1\noutputs = 2\n", "did you mean output?"),
    ],
)
def test_slips_are_errors(tmp_path: Path, text: str, words: str) -> None:
    assert words in str(refused(write(tmp_path, text)))


def test_other_unknown_keys_are_noticed(tmp_path: Path) -> None:
    text = SMALL + 'colour = "red"\n[optimizer]\nbanana = 1\n[[checks]]\ntype = "exact"\nwhatever = 1\n'
    project = load_project(write(tmp_path, 'owner = "me"\n' + text))
    assert project.notices == (
        "unknown key owner is ignored",
        "unknown key models.target.colour is ignored; "
        "models.target.params.colour would be passed on to the provider",
    )
    assert project.settings.checks[0].options == {"whatever": 1}


@pytest.mark.parametrize(
    "line",
    [
        f'api_key = "{FAKE_KEY}"',
        'api_key = "short"',
        'apiKey = "hello world"',
        f'api_key_env = "{FAKE_KEY}"',
        'api_key_env = "0123456789abcdef0123456789abcdef"',
        'api_key_env = "abcdef0123456789abcdef0123456789"',
        f'params = {{ note = "{FAKE_KEY}" }}',
        'params = { extra_headers = { Authorization = "Bearer abcdefghijkl" } }',
        'params = { list = ["AIzaSyA1234567890abcdefghijklmnopqrstuv"] }',
        'base_url = "https://user:hunter22@host/v1"',
        'base_url = "https://host/v1?api_key=hunter22"',
    ],
)
def test_secrets_are_refused_and_never_repeated(tmp_path: Path, line: str) -> None:
    error = refused(write(tmp_path, SMALL + line + "\n"))
    assert "api_key_env" in str(error) and "models.target." in error.what
    for secret in (FAKE_KEY, "short", "hello world", "abcdef", "hunter22", "AIza"):
        assert secret not in str(error)


def test_secrets_are_refused_in_yaml_and_on_saving(tmp_path: Path) -> None:
    text = f"task_description: x\ntarget_model: {{model: m, api_key: {FAKE_KEY}}}\nevaluations: []\n"
    error = refused(write(tmp_path, text, "config.yaml"))
    assert "target_model.api_key" in error.what and FAKE_KEY not in str(error)
    settings = small_settings(models={"target": {"model": "m", "api_key": FAKE_KEY}})
    with pytest.raises(SettingsError, match="must not stand in a file") as caught:
        save_project(settings, tmp_path / "p")
    assert FAKE_KEY not in str(caught.value) and not (tmp_path / "p").exists()


def test_words_that_only_look_secret_pass(tmp_path: Path) -> None:
    text = (
        f'name = "a"\nprompt = "Find keys such as {FAKE_KEY}"\n[models.target]\nmodel = "sim/target"\n'
        'api_key_env = "MY_TEAM_PROD_KEY_2024"\nparams = { stop_token = "END", max_completion_tokens = 5 }\n'
        '[data]\nfile = "sk-support-tickets-2024-01.csv"\n[[checks]]\ntype = "regex"\n'
        'pattern = "sk-[A-Za-z0-9]{20}"\n'
    )
    assert load_project(write(tmp_path, text)).notices == ()


def test_yaml_bombs_and_traps(tmp_path: Path) -> None:
    lists = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lists += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    path = tmp_path / "config.yaml"
    cases = {
        "\n".join(lists): "stands for more than",
        "[" * 50_000: "nested more than 100 deep|maximum nesting depth",  # ours, or a newer PyYAML's own
        "- " * 5_000 + "x": "nested more than 100 deep|maximum nesting depth",
        "a: &a [*a]": "contains itself",
        "a: 1\na: 2": "given twice",
        "? [1, 2]\n: x": "expected text",
        "a: !!python/object/apply:os.system ['true']": "tag",
        "a: *nowhere": "undefined alias",
        "# nothing": "no content",
        "a: 1\n---\nb: 2": "single document",
    }
    for text, words in cases.items():
        with pytest.raises(SettingsError, match=words):
            parse_yaml(text, path)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *[(text, text) for text in ("no", "12:30", "2024-01-01", "007", "1_000", ".nan", "0x10")],
        *[("1.5", 1.5), ("true", True), ("-3", -3), ("~", None), ("1e3", 1000.0)],
    ],
)
def test_yaml_scalars_stay_what_was_written(written: str, read: Any) -> None:
    assert parse_yaml(f"- {written}\n- 7: x", Path("x.yaml")) == [read, {"7": "x"}]


def test_a_project_file_may_be_yaml(tmp_path: Path) -> None:
    path = write(tmp_path, "name: a\nprompt: p\nmodels: {target: {model: sim/target}}\n", "p.yml")
    assert load_project(path).settings == small_settings()
    assert "this is no configuration" in str(refused(write(tmp_path, "hello: world\n", "q.yaml")))


def test_saving_writes_the_main_keys_and_nothing_twice(tmp_path: Path) -> None:
    settings = small_settings(prompt='Two lines:\n"""quoted" \\ ends\\', budget={"usd": 2})
    path = save_project(settings, tmp_path / "deep" / "p", {"cases.csv": b"input\nx\n"})
    assert load_project(path).settings == settings
    text = path.read_text()
    assert "retries" not in text and "[optimizer]" in text and "usd = 2.0" in text and "Two lines:\n" in text
    assert (path.parent / "cases.csv").read_bytes() == b"input\nx\n"
    with pytest.raises(SettingsError, match="already"):
        save_project(settings, path.parent)
    with pytest.raises(SettingsError, match="already"):
        save_project(settings, path.parent, {"cases.csv": b"other"})
    assert (path.parent / "cases.csv").read_bytes() == b"input\nx\n"
    changed = settings.model_copy(update={"name": "b"})
    assert load_project(save_project(changed, path.parent, overwrite=True)).settings.name == "b"
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["cases.csv", "project.toml"]


@pytest.mark.parametrize(
    "name", ["../x.csv", "a/b.csv", "a\\b.csv", "", ".", "..", "project.toml", "a\0b", "C:x"]
)
def test_data_files_stay_beside_the_project(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="name of a data file"):
        save_project(small_settings(), tmp_path / "p", {name: b"x"})
    assert list(tmp_path.iterdir()) == []


def test_saving_says_what_toml_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be written as TOML"):
        save_project(small_settings(prompt="half \ud800"), tmp_path / "p")
    with pytest.raises(SettingsError, match="can't be written as TOML"):
        save_project(small_settings(optimizer={"thing": object()}), tmp_path / "p")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SettingsError, match="the project can't be written"):
        save_project(small_settings(), tmp_path / "file" / "p")


def test_nulls_in_inline_cases_survive_as_json(tmp_path: Path) -> None:
    cases = [{"input": f"i{n}", "expected": {"a": None, "n": n}, "id": None} for n in range(3)]
    settings = small_settings(data={"cases": cases})
    saved = load_project(save_project(settings, tmp_path)).settings
    assert load_dataset(saved, tmp_path).dataset == load_dataset(settings, tmp_path).dataset


text = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
filled = text.filter(lambda value: bool(value.strip()))
numbers = st.floats(0.001, 1e6)
counts = st.integers(1, 10**6)


def table(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keys)


models = st.builds(
    lambda model, rest: {"model": model, **rest},
    filled,
    table(
        base_url=st.just("http://127.0.0.1:1/v1"),
        api_key_env=st.just("MY_KEY"),
        temperature=st.floats(0, 2),
        max_tokens=counts,
        timeout=numbers,
        retries=st.integers(0, 9),
        price=st.fixed_dictionaries({"input": numbers, "output": numbers}),
        free=st.booleans(),
        params=st.dictionaries(st.sampled_from(["top_p", "stop", "a b"]), text | counts | st.lists(text)),
    ),
)
documents = st.fixed_dictionaries(
    {"name": filled, "prompt": text.filter(bool), "models": st.fixed_dictionaries({"target": models})},
    optional={
        "task": table(description=text, input_format=st.dictionaries(text, text, max_size=2)),
        "optimizer": table(name=filled, max_iterations=counts, weights=st.lists(numbers)),
        "budget": table(usd=numbers, calls=counts, minutes=numbers, judge_tokens=counts),
        "data": table(
            file=text,
            split=st.tuples(numbers, numbers, numbers),
            input=text | st.lists(text),
            seed=st.integers(),
            cases=st.lists(st.dictionaries(text, text | counts | st.lists(text, max_size=2), max_size=3)),
        ),
        "checks": st.lists(
            st.fixed_dictionaries(
                {"type": text}, optional={"weight": numbers, "hard": st.booleans(), "x": text}
            )
        ),
    },
)


@given(documents, st.none() | models)
@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_settings_survive_the_project_file(
    tmp_path_factory: pytest.TempPathFactory, raw: dict[str, Any], optimizer: dict[str, Any] | None
) -> None:
    if optimizer:
        raw["models"]["optimizer"] = optimizer
    settings = ProjectSettings.model_validate(raw)
    path = save_project(settings, tmp_path_factory.mktemp("p"))
    assert load_project(path).settings == settings


@given(st.text())
def test_slugs_are_safe_folder_names(name: str) -> None:
    slug = slugify(name)
    assert slug and slug == slugify(slug)
    assert len(slug.encode()) <= 255
    assert not set(slug) & set('/\\:*?"<>|.\0 ') and not slug.startswith("-") and slug.isprintable()


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("My Tickets (2024)", "my-tickets-2024"),
        ("../../etc/passwd", "etc-passwd"),
        ("  ", "project"),
        ("CON", "con-project"),
        ("Übersicht für Köln", "übersicht-für-köln"),
        ("工单 分类", "工单-分类"),
        ("a" * 500, "a" * 60),
    ],
)
def test_slugs(name: str, slug: str) -> None:
    assert slugify(name) == slug


def test_projects_are_found_by_name_slug_and_path(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save_project(small_settings(name="My Tickets"), projects_dir() / slugify("My Tickets"))
    monkeypatch.chdir(tmp_path)
    for name in ("My Tickets", "my tickets", "my-tickets", str(path), str(path.parent), f" {path} "):
        assert find_project(name) == path
    local = write(tmp_path, SMALL, "config.yaml")
    assert find_project("config.yaml").resolve() == local
    (tmp_path / "my-tickets").mkdir()
    assert find_project("my-tickets") == path
    write(tmp_path / "my-tickets", SMALL)
    assert find_project("my-tickets") == Path("my-tickets/project.toml")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my-tickts", "did you mean 'my-tickets'"),
        ("zebra", "there are: My Tickets"),
        ("", "empty"),
        ("../elsewhere", "no such project file"),
        ("nothing.toml", "no such project file"),
        ("x" * 5000, "there is no project"),
        ("nul\0byte", "there is no project"),
        ("cases.csv", "promptopt new NAME --from cases.csv"),
        ("./folder", "no project.toml"),
    ],
)
def test_projects_that_are_not_there(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, words: str
) -> None:
    save_project(small_settings(name="My Tickets"), projects_dir() / "my-tickets")
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "input\nx\n", "cases.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SettingsError, match=words):
        find_project(name)


def test_one_name_for_two_projects(home: Path) -> None:
    for slug in ("one", "two"):
        save_project(small_settings(name="same"), projects_dir() / slug)
    with pytest.raises(SettingsError, match="give one of the slugs: one, two"):
        find_project("same")
    assert find_project("two").parent.name == "two"


def test_the_list_tolerates_bad_projects(home: Path) -> None:
    assert list_projects() == []
    save_project(small_settings(name="Good"), projects_dir() / "good")
    (projects_dir() / "bad").mkdir()
    write(projects_dir() / "bad", "name = ")
    (projects_dir() / "empty").mkdir()
    (projects_dir() / "file").write_text("x")
    bad, good = list_projects()
    assert (good.name, good.slug, good.error) == ("Good", "good", "")
    assert bad.slug == "bad" and "TOML syntax error" in bad.error


def test_home_is_made_for_its_owner_only(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert home_dir() == home
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PROMPTOPT_HOME", "~/mine/deep")
    assert home_dir() == tmp_path / "mine" / "deep"
    monkeypatch.delenv("PROMPTOPT_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert home_dir().name == "promptopt"


@pytest.mark.parametrize("place", ["file", "file/below", "~no-such-user-here/x", "x" * 300])
def test_home_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    monkeypatch.setenv("PROMPTOPT_HOME", place)
    with pytest.raises(SettingsError, match="set PROMPTOPT_HOME to a folder that you can write"):
        home_dir()
