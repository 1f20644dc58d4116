"""Notebooks to start from: listed, written, and carried out from top to bottom."""

import ast
import json
import os
import re
import sys
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.errors import SettingsError
from promptopt.notebook.written import cells_of, notebook_of, templates, write
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine

NAMES = [each.name for each in templates()]
PATIENCE = 120


def test_they_are_listed_and_written_once(cli: CommandLine, tmp_path: Path) -> None:
    nbformat: Any = pytest.importorskip("nbformat")
    assert [each["name"] for each in json.loads(cli("notebook", "--json").out)] == NAMES
    said = cli("notebook").out
    assert all(each.name in said and each.title in said and each.about for each in templates())
    path = json.loads(cli("notebook", "poc", "--output", str(tmp_path / "new"), "--json").out)["path"]
    made = nbformat.read(path, as_version=4)
    nbformat.validate(made)
    assert made.metadata.kernelspec.name == "python3" and made.metadata.language_info.name == "python"
    before = Path(path).read_bytes()
    with pytest.raises(SettingsError, match="is not replaced"):
        write("poc", tmp_path / "new")
    assert Path(path).read_bytes() == before == write("poc", tmp_path).read_bytes()
    with pytest.raises(SettingsError, match="did you mean synthetic"):
        write("syntetic", tmp_path)
    with pytest.raises(SettingsError, match="there is no notebook"):
        write("../poc", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="can't be written"):
        write("poc", tmp_path / "file")


@pytest.mark.parametrize("name", NAMES)
def test_each_says_how_to_use_a_real_model_and_runs_on_the_simulator(name: str) -> None:
    cells = cells_of(name)
    code = [cell.source for cell in cells if cell.kind == "code"]
    assert cells[0].kind == "markdown" and "simulator" in cells[0].source and "real model" in cells[0].source
    assert "openai/" in code[0] and "sim/target" in code[0]
    for source in code:
        ast.parse(source)
    assert not any("pyright" in cell.source or cell.source.startswith("# %%") for cell in cells)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.timeout(PATIENCE * 2)
def test_each_runs_from_top_to_bottom(name: str, home: Path, tmp_path: Path, monkeypatch: Any) -> None:
    nbclient: Any = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    made = notebook_of(name)
    nbclient.NotebookClient(
        made, timeout=PATIENCE, resources={"metadata": {"path": str(tmp_path)}}, store_widget_state=False
    ).execute()
    outputs = [output for cell in made.cells if cell.cell_type == "code" for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    text = "\n".join(map(_text, outputs))
    assert "Traceback" not in text and "simulated" in text.casefold()
    assert re.search(r"\d+\.\d%", text), "a score that was measured"

    if name == "executive-demo" and find_spec("matplotlib"):
        assert any("image/png" in output.get("data", {}) for output in outputs)
    if name == "poc":
        drawn = [str(output.get("data", {}).get("text/html", "")) for output in outputs]
        assert any("business case and package" in html for html in drawn), "the stages"

    with closing(Database.open()) as database:
        rows = Runs(database).list()
    assert rows and all(row.status == "finished" and row.simulated for row in rows), rows
    assert all(row.id in str(outputs) for row in rows if row.kind == "optimize")


def _text(output: Any) -> str:
    if output.output_type == "stream":
        return output.text
    return str(output.get("data", {}).get("text/plain", ""))
