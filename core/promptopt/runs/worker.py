"""The worker process of one run: ``python -m promptopt.runs.worker RUN``.

It is the only writer of the run's events. A heartbeat says that it lives; when it is killed, the heartbeat
stops, and another worker may take the run up.
"""

import asyncio
import contextlib
import os
import sys
import threading
import uuid

from promptopt.domain.errors import PromptoptError
from promptopt.runs.engine import Engine
from promptopt.store.database import Database, StoreError
from promptopt.store.runs import Runs

BEAT_SECONDS = 1.0

TAKEN = 3
"""Exit code: another worker is on the run."""


def main(run_id: str) -> int:
    """Carry the run out to its end; returns the exit code."""
    database = Database.open()
    try:
        return _work(database, run_id)
    except PromptoptError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        database.close()


def _work(database: Database, run_id: str) -> int:
    runs = Runs(database)
    worker = uuid.uuid4().hex
    if not runs.claim(run_id, worker):
        print(f"run {run_id} has another worker", file=sys.stderr)
        return TAKEN
    row = runs.find(run_id)
    engine = Engine(database, row)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT_SECONDS):
            with contextlib.suppress(StoreError):  # a store that is busy may hear the next beat
                if not runs.beat(row.id, worker, engine.watch.seconds):
                    # Asleep for so long that somebody else took the run: not one event more.
                    os._exit(TAKEN)

    heart = threading.Thread(target=beat, name="heartbeat", daemon=True)
    heart.start()
    try:
        asyncio.run(engine.run())
    finally:
        stop.set()
        heart.join()
        runs.release(row.id, worker, status=engine.state.status, active_seconds=engine.watch.seconds)
    return 1 if engine.state.status == "failed" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
