"""A driver in a process of its own: ``python -m promptopt.enterprise.poc.process ID``."""

import os
import subprocess
import sys

from promptopt.domain.errors import PromptoptError
from promptopt.runs.launch import ON_ITS_OWN, open_log
from promptopt.store.database import Database
from promptopt.store.pocs import Pocs

TAKEN = 3
"""Exit code: another driver has it."""


def start_driver(poc_id: str) -> "subprocess.Popen[bytes]":
    """Start the driver of a proof of concept, new or left, in a session of its own.

    What it prints goes to ``logs/ID.log`` in the data directory.
    """
    with open_log(poc_id) as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "promptopt.enterprise.poc.process", poc_id],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            creationflags=ON_ITS_OWN,
            env=dict(os.environ),
        )


def main(poc_id: str) -> int:
    """Carry it out to its end; returns the exit code."""
    from promptopt.enterprise.poc.driving import Driven, POCDriver

    database = Database.open()
    try:
        row = POCDriver(database, Pocs(database).find(poc_id)).run()
    except Driven as error:
        print(error, file=sys.stderr)
        return TAKEN
    except PromptoptError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        database.close()
    return 0 if row.status == "finished" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
