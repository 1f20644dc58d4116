"""Where this program is carried out, and which ways there are to show the terminal UI there."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from promptopt.notebook.host import in_colab, in_notebook

Way = Literal["widget", "frame", "view", "terminal"]
"""``widget``: a terminal over the kernel's comm channel. ``frame``: one in a frame, from a server of this
program. ``view``: the run as it shows itself in a cell, which is no terminal. ``terminal``: this one."""

WAYS: tuple[Way, ...] = ("widget", "frame", "view", "terminal")


@dataclass(frozen=True)
class Place:
    """Facts that decide which ways there are.

    Attributes:
        kernel: a notebook's kernel carries this out.
        colab: that kernel is Colab's.
        terminal: a person sits at both ends of this program.
        widgets: the libraries are here that show widgets.
        server: the library is here that serves pages.
        hub: the page comes from a JupyterHub, whose users' browsers do not reach this machine's ports.
        proxy: jupyter-server-proxy is here, so that ports are reached through Jupyter's own server.
        base_url: path that the server puts before its own, such as ``/user/alice/``.
    """

    kernel: bool = False
    colab: bool = False
    terminal: bool = False
    widgets: bool = False
    server: bool = False
    hub: bool = False
    proxy: bool = False
    base_url: str = "/"

    @property
    def frames(self) -> bool:
        """Whether a frame of a page of this program would show anything."""
        # Colab's own proxy of ports lets no WebSocket through.
        return self.server and not self.colab and (self.proxy or not self.hub)

    def address(self, port: int, path: str) -> str:
        """What a frame shows ``path`` of this program's server under."""
        if self.proxy:
            return f"{self.base_url.rstrip('/')}/proxy/{port}{path}"
        return f"http://127.0.0.1:{port}{path}"


def ways(place: Place) -> tuple[Way, ...]:
    """The ways that there are in a place, the best first.

    Colab's kernel hears widgets only between cells, so there the run's own view comes first.
    """
    if not place.kernel:
        return ("terminal",) if place.terminal else ()
    found: list[Way] = []
    if place.widgets:
        found.append("widget")
    if place.frames:
        found.append("frame")
    return ("view", *found) if place.colab else (*found, "view")


def here(environment: Mapping[str, str] = os.environ) -> Place:
    """The facts about this program."""
    return Place(
        kernel=in_notebook(),
        colab=in_colab(),
        terminal=_isatty(sys.stdin) and _isatty(sys.stdout),
        widgets=_has("anywidget"),
        server=_has("aiohttp"),
        hub=bool(environment.get("JUPYTERHUB_SERVICE_PREFIX")),
        proxy=_has("jupyter_server_proxy"),
        base_url=base_url(environment),
    )


def base_url(environment: Mapping[str, str]) -> str:
    """The path before all paths of the Jupyter server that started this kernel; ``/`` if it is not known.

    The server notes it in a file that has its token as well: nothing else of that is kept.
    """
    if prefix := environment.get("JUPYTERHUB_SERVICE_PREFIX"):
        return prefix
    server = environment.get("JPY_PARENT_PID", "")
    if not server.isdigit() or not _has("jupyter_core"):
        return "/"
    from jupyter_core.paths import jupyter_runtime_dir

    path = Path(jupyter_runtime_dir()) / f"jpserver-{server}.json"
    try:
        found = json.loads(path.read_text("utf-8"), object_pairs_hook=_prefix)
    except (OSError, ValueError):
        return "/"
    return found if isinstance(found, str) and found.startswith("/") else "/"


def _prefix(pairs: list[tuple[str, Any]]) -> object:
    return next((value for name, value in pairs if name == "base_url"), None)


def _has(module: str) -> bool:
    return module in sys.modules or find_spec(module) is not None


def _isatty(stream: Any) -> bool:
    return stream is not None and stream.isatty()
