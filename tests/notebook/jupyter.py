"""JupyterLab behind a prefix, and a browser without a window that opens a notebook in it."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = Path("/usr/bin/chromium")
PREFIX = "/user/alice/"
PATIENCE = 60.0
"""Seconds for what needs no other process."""

BOUND = 100.0
"""Seconds that a page waits for kernels, servers and terminals: each ends with what is waited for, or with an
error in the page, and after this only where neither ever comes."""

FAILED = ".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.error']"
CHANGED = (
    "([cell, before]) => "
    "document.querySelectorAll('.jp-Cell')[cell].querySelector('.jp-InputPrompt').textContent !== before"
)

needs_browser = pytest.mark.skipif(
    not CHROMIUM.exists()
    or any(find_spec(name) is None for name in ("jupyterlab", "playwright", "anywidget")),
    reason="needs Chromium, playwright, JupyterLab and anywidget",
)


@contextmanager
def lab(folder: Path) -> Generator[str]:
    """A server that shows the notebooks in ``folder``: the address of one by its name; the token is in it."""
    port, token = _free_port(), secrets.token_hex(8)
    _settings(folder)
    own = {"JUPYTER_CONFIG_DIR": "cfg", "JUPYTER_RUNTIME_DIR": "rt", "IPYTHONDIR": "ipy"}
    options = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.base_url={PREFIX}",
        f"--ServerApp.port={port}",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.extension_manager=readonly",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    path = os.pathsep.join(entry for entry in sys.path if entry)
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "lab", *options],
            env={**os.environ, "PYTHONPATH": path, **{name: str(folder / at) for name, at in own.items()}},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_for(f"http://127.0.0.1:{port}{PREFIX}api/status?token={token}", server, folder / "lab.log")
        # A workspace each: a page opens no notebook beside its own.
        yield f"http://127.0.0.1:{port}{PREFIX}lab/workspaces/{{0}}/tree/{{0}}.ipynb?token={token}"
    finally:
        server.terminate()
        server.wait(PATIENCE)


@contextmanager
def opened(address: str, notebook: str, *, text: bool = False) -> Generator[tuple[Any, list[str]]]:
    """The page of a notebook, and the addresses that it has asked for elsewhere than there.

    Its kernel ends with the block.

    Args:
        text: there is no graphics card, so that terminals in it are drawn as text.
    """
    from playwright.sync_api import sync_playwright

    home = address.partition(PREFIX)[0]
    elsewhere: list[str] = []

    def asked(request: Any) -> None:
        if not request.url.startswith((home, "data:", "blob:")):
            elsewhere.append(request.url)

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", *(["--disable-3d-apis"] if text else [])]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(BOUND * 1000)
        page.on("request", asked)
        page.goto(address.format(notebook))
        page.wait_for_selector(".jp-NotebookPanel .jp-Cell")
        page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
        try:
            yield page, elsewhere
        finally:
            browser.close()
            _end_kernels(address)


def carry_out(page: Any, cell: int) -> None:
    """Have a cell carried out as its reader does."""
    from playwright.sync_api import TimeoutError

    prompt = page.locator(".jp-Cell").nth(cell).locator(".jp-InputPrompt")
    before = prompt.text_content()
    deadline = time.monotonic() + BOUND
    while prompt.text_content() == before:
        assert time.monotonic() < deadline, "the cell was not taken up"
        if page.locator(".jp-Dialog").count():  # that the kernel is not connected yet
            page.keyboard.press("Escape")
        page.locator(".jp-Cell").nth(cell).locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        # What is asked before the kernel is connected is lost, whatever the page says of the kernel.
        with suppress(TimeoutError):
            page.wait_for_function(CHANGED, arg=[cell, before], timeout=3000)


def appeared(page: Any, wanted: Any) -> None:
    """Wait until the page shows something, or an error in the place of it.

    Args:
        wanted: a locator of the page itself, not of a frame in it.
    """
    wanted.or_(page.locator(FAILED)).first.wait_for()
    assert not page.locator(FAILED).count(), page.locator(FAILED).first.text_content()


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    made = [
        {
            "cell_type": "code",
            "id": f"c{n}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": text,
        }
        for n, text in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    told = {"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(told), "utf-8")


def _settings(folder: Path) -> None:
    """Nobody is asked about news."""
    path = folder / "cfg/lab/user-settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    path.parent.mkdir(parents=True)
    path.write_text('{"fetchNews": "false"}')


def _end_kernels(address: str) -> None:
    server, token = address.partition("lab/")[0], address.rpartition("=")[2]
    with urllib.request.urlopen(f"{server}api/kernels?token={token}") as answer:
        kernels = json.load(answer)
    for each in kernels:
        asked = urllib.request.Request(
            f"{server}api/kernels/{each['id']}", method="DELETE", headers={"Authorization": f"token {token}"}
        )
        urllib.request.urlopen(asked).close()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def _wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-2000:])
