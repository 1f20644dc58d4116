"""Kernels for tests: this Python's, and one of ipykernel 6 if there is one (``PROMPTOPT_IPYKERNEL6``)."""

import json
import os
import queue
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0
OLDER = os.environ.get("PROMPTOPT_IPYKERNEL6", "")
"""A Python with ipykernel 6."""


class Cells:
    """A kernel, and what its cells put out, as a notebook would see it."""

    def __init__(self, client: Any, manager: Any) -> None:
        self.client = client
        self.manager = manager
        self.out: dict[str, str] = {}
        self.shown: dict[str, Any] = {}
        """Display id to what it shows last."""
        self.order: list[str] = []
        """Requests whose cells were begun, in order."""

    def send(self, code: str) -> str:
        """Have a cell carried out, some time."""
        return self.client.execute(code)

    def click(self, comm_id: str, data: object) -> None:
        """What a widget in the page sends."""
        content = {"comm_id": comm_id, "data": data}
        self.client.shell_channel.send(self.client.session.msg("comm_msg", content))

    def reply(self, request: str) -> dict[str, Any]:
        """The end of a cell."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                message = self.client.get_shell_msg(timeout=0.1)
            except queue.Empty:
                self.read()
                continue
            if message["parent_header"].get("msg_id") == request:
                self.read()
                return message["content"]
        raise TimeoutError(f"no reply; so far {self.out}")

    def run(self, code: str) -> str:
        """Carry a cell out and return what it printed."""
        request = self.send(code)
        content = self.reply(request)
        assert content["status"] == "ok", content
        return self.out.get(request, "")

    def until(self, request: str, text: str) -> None:
        """Wait until a cell has printed something."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.out.get(request, ""):
            assert time.monotonic() < deadline, self.out
            self.read()

    def view(self) -> str:
        """The view of a run as HTML, as it stands in the page; empty if there is none yet."""
        self.read()
        views = (data.get("text/html", "") for data in self.shown.values())
        return next((html for html in views if "run time" in html), "")

    def shows(self, *texts: str) -> None:
        """Wait until that view has all of some texts."""
        deadline = time.monotonic() + PATIENCE
        while not all(text in self.view() for text in texts):
            assert time.monotonic() < deadline, self.view()

    def read(self) -> None:
        """Take what has come."""
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                return
            parent, content = message["parent_header"].get("msg_id", ""), message["content"]
            if message["msg_type"] == "stream":
                self.out[parent] = self.out.get(parent, "") + content["text"]
            elif message["msg_type"] == "execute_input":
                self.order.append(parent)
            elif message["msg_type"] in ("display_data", "update_display_data"):
                self.shown[content["transient"].get("display_id", "")] = content["data"]


@contextmanager
def kernel(python: str, folder: Path) -> Iterator[Cells]:
    """A kernel of a Python, until the end of the block."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

    spec = folder / "kernels" / "tried"
    spec.mkdir(parents=True)
    argv = [python, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    told = {"argv": argv, "display_name": "tried", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(told))
    specs = KernelSpecManager(kernel_dirs=[str(folder / "kernels")], ensure_native_kernel=False)
    manager = KernelManager(kernel_name="tried", kernel_spec_manager=specs)
    paths = os.pathsep.join(path for path in sys.path if path and "site-packages" not in path)
    manager.start_kernel(env={**os.environ, "PYTHONPATH": paths})
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=PATIENCE)
        yield Cells(client, manager)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
