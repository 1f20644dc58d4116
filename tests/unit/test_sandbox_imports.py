"""A project's own modules are imported as they were read, whatever becomes of the files."""

import py_compile
import sys
from collections.abc import AsyncIterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from promptopt.domain.dataset import Example
from promptopt.domain.settings import ProjectSettings
from promptopt.evaluation.boxes import Boxes, packages
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.sandbox import Outcome, Request
from promptopt.store.projectcode import read_code
from promptopt.store.trust import TrustError, powers, trust, trusted_code

FILES = {
    "score.py": """\
import pkgutil, sys
from pathlib import Path
import helper
from parts import deep
from parts.inner import more
from space import alone

def plain(o, e, i): return True, f"{helper.WORD} {deep.WORD} {more.WORD} {alone.WORD}"
def late(o, e, i):
    import lazy
    return True, lazy.WORD
def data(o, e, i):
    beside = Path(__file__).with_name("words.txt").read_text()
    return True, f"{beside} {pkgutil.get_data('parts', 'words.txt').decode()}"
def hidden(o, e, i):
    sys.path.insert(0, str(Path(__file__).with_name(".hidden")))
    import concealed
    return True, concealed.WORD
def archive(o, e, i):
    sys.path.insert(0, str(Path(__file__).with_name("more.zip")))
    import zipped
def binary(o, e, i):
    import fast
""",
    "helper.py": "WORD = 'help'\n",
    "lazy.py": "WORD = 'lazy'\n",
    "words.txt": "words",
    "parts/__init__.py": "",
    "parts/deep.py": "from . import inner\nWORD = 'deep'\n",
    "parts/inner/__init__.py": "",
    "parts/inner/more.py": "from ..words import WORD\n",
    "parts/words.py": "WORD = 'more'\n",
    "parts/words.txt": "parts",
    "space/alone.py": "WORD = 'alone'\n",
    ".hidden/concealed.py": "WORD = 'never looked at'\n",
    f"fast{EXTENSION_SUFFIXES[0]}": "as it was trusted",
}
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.fixture
async def boxes(tmp_path: Path) -> AsyncIterator[Boxes]:
    """Sandboxes that have read the folder; then every file in it was changed."""
    write(tmp_path, FILES)
    boxes = Boxes([str(tmp_path), *packages()], code=read_code(tmp_path))
    changed = {name: "raise SystemError('changed')\n" for name in FILES if not name.endswith(".txt")}
    write(tmp_path, changed | {"new.py": "WORD = 'new'\n"})
    yield boxes
    await boxes.close()


async def called(boxes: Boxes, function: str) -> Outcome:
    return await boxes.run(Request("call", f"score:{function}", "x", timeout=10))


async def test_modules_packages_and_folders_are_imported_as_they_were(boxes: Boxes) -> None:
    assert await called(boxes, "plain") == Outcome(1.0, "help deep more alone")


async def test_what_is_imported_later_is_as_it_was_too(boxes: Boxes) -> None:
    assert await called(boxes, "late") == Outcome(1.0, "lazy")


async def test_data_beside_the_code_can_still_be_read(boxes: Boxes) -> None:
    assert await called(boxes, "data") == Outcome(1.0, "words parts")


async def test_a_file_that_was_not_there_is_no_module(boxes: Boxes) -> None:
    outcome = await boxes.run(Request("call", "new:f", "x"))
    assert "No module named 'new'" in outcome.reason and outcome.broken


@pytest.mark.parametrize(("function", "module"), [("hidden", "concealed"), ("archive", "zipped")])
async def test_folders_and_archives_that_were_not_read_have_no_module(
    boxes: Boxes, function: str, module: str
) -> None:
    assert f"No module named '{module}'" in (await called(boxes, function)).reason


async def test_a_changed_extension_module_is_refused(boxes: Boxes) -> None:
    outcome = await called(boxes, "binary")
    assert "was changed after it was trusted" in outcome.reason and outcome.broken


async def test_byte_code_alone_is_a_module_and_that_beside_a_source_is_not_used(tmp_path: Path) -> None:
    write(tmp_path, {"f.py": "def f(o, e, i): return True, 'compiled'\n", "g.py": "import f\ng = f.f\n"})
    py_compile.compile(str(tmp_path / "f.py"), cfile=str(tmp_path / "f.pyc"))
    (tmp_path / "f.py").write_text("g = lambda o, e, i: (True, 'another')\n")
    kept = tmp_path / "__pycache__" / f"g.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(tmp_path / "f.py"), cfile=str(kept), invalidation_mode=UNCHECKED)
    (tmp_path / "f.py").unlink()
    boxes = Boxes([str(tmp_path), *packages()], code=read_code(tmp_path))
    (tmp_path / "f.pyc").unlink()
    outcome = await boxes.run(Request("call", "g:g", "x"))
    await boxes.close()
    assert outcome == Outcome(1.0, "compiled")


async def test_a_link_to_the_folder_is_the_folder(tmp_path: Path) -> None:
    write(tmp_path / "real", FILES)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    read = read_code(tmp_path / "real"), read_code(tmp_path / "link")
    write(tmp_path / "real", {"helper.py": "WORD = 'changed'\n"})
    for entry, code in zip(("link", "real"), read, strict=True):
        boxes = Boxes([str(tmp_path / entry), *packages()], code=code)
        assert await called(boxes, "plain") == Outcome(1.0, "help deep more alone")
        await boxes.close()


async def test_packages_of_an_environment_in_the_folder_are_imported_from_there(tmp_path: Path) -> None:
    site = tmp_path / ".venv" / "lib"
    write(tmp_path, {"f.py": "import installed\ndef f(o, e, i): return True, installed.WORD\n"})
    write(site, {"installed.py": "WORD = 'installed'\n"})
    boxes = Boxes([str(tmp_path), str(site), *packages()], code=read_code(tmp_path))
    outcome = await boxes.run(Request("call", "f:f", "x"))
    await boxes.close()
    assert outcome == Outcome(1.0, "installed")


# --- With trust ---


def project(function: str) -> ProjectSettings:
    return ProjectSettings.model_validate(
        {
            "name": "p",
            "prompt": "x",
            "models": {"target": {"model": "sim/target"}},
            "checks": [{"type": "callable", "function": function, "timeout": 0.5}],
        }
    )


async def test_a_worker_that_is_started_later_judges_by_the_same_code(home: Path, tmp_path: Path) -> None:
    score = "import helper\ndef f(o, e, i):\n    while o == 'slow': pass\n    return True, helper.WORD\n"
    write(tmp_path, {"score.py": score, "helper.py": "WORD = 'trusted'\n"})
    settings, case = project("score:f"), Example(id="c", inputs={"input": "x"})
    with pytest.raises(TrustError):
        trusted_code(settings, [case], tmp_path, "look at it")
    trust(powers(settings, [case], tmp_path))
    code = trusted_code(settings, [case], tmp_path, "look at it")
    judge = build_judge(settings, tmp_path, [case], code=code)
    (before,) = await judge.judge(case, "a")
    write(tmp_path, {"helper.py": "WORD = 'changed'\n"})
    (late,) = await judge.judge(case, "slow")
    (after,) = await judge.judge(case, "a")
    await judge.close()
    assert "took longer" in late.reason and before == after and after.passed
    with pytest.raises(TrustError) as refused:
        trusted_code(settings, [case], tmp_path, "look at it")
    assert refused.value.fix == "look at it" and refused.value.where == str(tmp_path)


def test_a_project_without_functions_has_no_code_to_read(tmp_path: Path) -> None:
    settings = project("score:f").model_copy(update={"checks": ()})
    assert trusted_code(settings, [], tmp_path / "not there", "") is None
