"""The worker process of one run: ``python -m promptopt.runs.worker RUN``.

It is the only writer of the run's events. A heartbeat says that it lives; when it is killed, the heartbeat
stops, and another worker may take the run up.
"""

import asyncio
import contextlib
import gc
import os
import sys
import threading
import uuid
from collections.abc import Callable

from promptopt.domain.errors import PromptoptError, RunError
from promptopt.runs.engine import Engine
from promptopt.runs.own import NOTHING, Own
from promptopt.store.database import Database, StoreError
from promptopt.store.runs import RunRow, Runs

BEAT_SECONDS = 1.0

TAKEN = 3
"""Exit code: another worker is on the run."""


def _nothing() -> None:
    """Nothing is to be done."""


class Taken(RunError):
    """Another worker is on the run."""


def main(run_id: str) -> int:
    """Carry the run out to its end; returns the exit code."""
    os.environ.setdefault("TQDM_DISABLE", "1")  # before anything imports tqdm: bars would fill the log
    database = Database.open()
    try:
        # What was imported is never garbage: looking through it again and again, for a quarter of a second
        # each time, would hold up the calls.
        engine = carry_out(database, run_id, lambda _: os._exit(TAKEN), ready=gc.freeze)
    except Taken as error:
        print(error, file=sys.stderr)
        return TAKEN
    except PromptoptError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        database.close()
    return 1 if engine.state.status == "failed" else 0


def carry_out(
    database: Database,
    run_id: str,
    lost: Callable[[Callable[[], object]], object],
    own: Own = NOTHING,
    *,
    ready: Callable[[], object] = _nothing,
) -> Engine:
    """Be the run's worker, in this thread, until the run ends; returns the engine that did it.

    Args:
        lost: called in another thread if the run was taken over (this process slept for long, say): not one
            event more may be written. It is given what makes the engine give up.
        own: what the calling program brings.
        ready: called before the first request, when all is imported.

    Raises:
        Taken: the run has another worker.
        PromptoptError: the run can't be taken up.
    """
    runs = Runs(database)
    worker = uuid.uuid4().hex
    if not runs.claim(run_id, worker):
        raise Taken(f"run {run_id} has another worker")
    row = runs.find(run_id)
    engine = Engine(database, row, own, ready)
    stop = threading.Event()
    give_up: Callable[[], object] = _nothing

    async def work() -> None:
        nonlocal give_up
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()

        def cancel() -> None:
            loop.call_soon_threadsafe(task.cancel)

        give_up = cancel
        await engine.run()

    def beat() -> None:
        while not stop.wait(BEAT_SECONDS):
            with contextlib.suppress(StoreError):  # a store that is busy may hear the next beat
                if not runs.beat(row.id, worker, engine.watch.seconds):
                    lost(give_up)
                    return

    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        _forget_old_texts(database, row)
        asyncio.run(work())
    finally:
        stop.set()
        heart.join()
        runs.release(row.id, worker, status=engine.state.status, active_seconds=engine.watch.seconds)
    return engine


def _forget_old_texts(database: Database, row: RunRow) -> None:
    """Take the texts out of the project's runs that are older than it keeps them, and out of proofs of
    concept that are older than their own plans keep them.
    """
    from promptopt.store import audit, forgetting, purging

    days = Runs(database).settings(row.id).compliance.policy().retention_days
    if days is None:
        return
    try:
        plans = [poc.id for poc in forgetting.pocs_due(database)]
        if plans:
            forgetting.forget_pocs(database, plans)
            audit.note("texts removed", pocs=plans)
        old = purging.due(database, older_than=days, project_dir=row.project_dir)
        if old:
            purging.remove_texts(database, [run.id for run in old])
            audit.note("texts removed", runs=[run.id for run in old])
    except (PromptoptError, OSError) as error:
        print(f"texts of old runs were not removed: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
