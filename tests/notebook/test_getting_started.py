"""The script that people begin with: as it is written, in a plain process and in a notebook."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from promptopt.store.database import Database
from promptopt.store.runs import Runs

SCRIPT = (Path(__file__).parents[1] / "getting_started.txt").read_text("utf-8")

KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY", "MISTRAL_API_KEY", "DEEPSEEK_API_KEY")


def body() -> str:
    """The script without the line that installs the package."""
    first, rest = SCRIPT.split("!pip install promptopt\n")
    assert "!" not in rest
    return first + rest


@pytest.fixture(autouse=True)
def nobody_has_a_key(monkeypatch: pytest.MonkeyPatch, home: Path, tmp_path: Path) -> None:
    for name in KEYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    monkeypatch.chdir(tmp_path)


def said(out: str, folder: Path) -> None:
    """What it prints, and what it leaves."""
    assert "POC Results: " in out and "sealed cases" in out and "SIMULATED" in out
    roi = out[out.index("Projected ROI: ") :].splitlines()[0]
    assert " to " in roi and "% of the draws" in roi and "SIMULATED" in roi
    page = (folder / "executive-dashboard.html").read_text("utf-8")
    assert "Share with leadership: executive-dashboard.html" in out
    assert "SIMULATED" in page and "<script" not in page
    made = next(folder.glob("poc-customer-support*"))
    assert {"executive-summary.md", "package.zip", "business-case.html"} <= {p.name for p in made.iterdir()}


@pytest.mark.timeout(300)
def test_it_runs_as_written_and_come_back_to_in_a_notebook_pays_nothing_again(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    script = tmp_path / "script.py"
    script.write_text(body(), "utf-8")
    first = subprocess.run(
        [sys.executable, str(script)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert first.returncode == 0, first.stderr[-3000:]
    said(first.stdout, tmp_path)
    with closing(Database.open()) as database:
        runs = [row.id for row in Runs(database).list()]

    cells = [nbformat.v4.new_code_cell(part) for part in body().split("\n\n") if part.strip()]
    book = nbformat.v4.new_notebook(cells=cells)
    nbclient.NotebookClient(book, timeout=280, resources={"metadata": {"path": str(tmp_path)}}).execute()
    out = _printed(book)
    said(out, tmp_path)
    assert out.splitlines()[-3:] == first.stdout.splitlines()[-3:]
    with closing(Database.open()) as database:
        assert [row.id for row in Runs(database).list()] == runs, "all of it is there"


def _printed(book: Any) -> str:
    return "".join(
        output["text"]
        for cell in book.cells
        for output in cell.outputs
        if output.output_type == "stream" and output["name"] == "stdout"
    )
