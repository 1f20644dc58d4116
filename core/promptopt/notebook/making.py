"""A run that makes cases up, in the hand of a program: what it comes to are cases, not a prompt."""

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, cast

from promptopt.domain.errors import RunError
from promptopt.notebook.run import Run

if TYPE_CHECKING:
    from promptopt.data import GeneratedDataset


class MakingRun(Run):
    """As a :class:`Run`; ``run.wait()`` and ``await run`` give the cases that it has made."""

    def wait(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, timeout: float | None = None
    ) -> "GeneratedDataset":
        """Wait for the end, and return the cases. For arguments and errors see :meth:`Run.wait`."""
        return cast(Any, super().wait(timeout))

    def __await__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
    ) -> "Generator[Any, None, GeneratedDataset]":
        return cast(Any, super().__await__())

    def result(self) -> "GeneratedDataset":  # pyright: ignore[reportIncompatibleMethodOverride]
        """The cases of a run that is over.

        Raises:
            RunError: it is not over, it failed, or it has made none.
        """
        with self.reading() as state:
            if not state.over:
                raise RunError("it is not over", where=f"run {self.id}", fix="run.wait() waits for its end")
            if state.status == "failed":
                detail = state.finished.detail if state.finished else ""
                fix = "mend that, then run.resume(): nothing is paid twice"
                raise RunError(detail or "it failed", where=f"run {self.id}", fix=fix)
        return self.dataset()

    def dataset(self) -> "GeneratedDataset":
        """The cases that it has made so far, as they were reviewed.

        Raises:
            RunError: it has made none.
        """
        from promptopt.data import generated_dataset

        return generated_dataset(self.id, self._database)
