"""A frame of a page with the terminal UI, as a cell shows it."""

from html import escape

from promptopt.notebook.embedded.places import Place
from promptopt.notebook.embedded.server import FrameServer


class Frame:
    """The frame, and the server that it shows. :meth:`close` ends both; runs go on.

    Args:
        run_id: open on this run; default: on the list of runs.
        place: where the page of the notebook comes from.
        height: in pixels.
    """

    def __init__(self, run_id: str | None, place: Place, *, height: int) -> None:
        self._run_id, self._height = run_id, height
        self.server = FrameServer(run_id, proxied=place.proxy)
        self.address = place.address(self.server.port, self.server.path)

    def __repr__(self) -> str:
        return f"<promptopt in a frame; in a terminal: promptopt attach {self._run_id or 'latest'}>"

    def _repr_html_(self) -> str:
        return (
            f'<iframe src="{escape(self.address)}" title="promptopt" width="100%" height="{self._height:d}" '
            'frameborder="0" allow="clipboard-write" referrerpolicy="no-referrer"></iframe>'
        )

    def close(self) -> None:
        """End the terminal UI and its server."""
        self.server.close()
