"""``promptopt``: the terminal UI without arguments, else the command line."""

import os
import signal
import sys

from promptopt.domain.errors import PromptoptError

INTERRUPTED = 128 + signal.SIGINT
PIPE_CLOSED = 141
"""What a shell reports of a program that wrote to a closed pipe (128 + SIGPIPE, which Windows lacks)."""


def main() -> int:
    """Run one command; returns its exit status (see ``promptopt --help``)."""
    _survive_any_encoding()
    try:
        status = _dispatch(sys.argv[1:])
        sys.stdout.flush()
    except PromptoptError as error:
        from promptopt.cli.output import complain

        complain(str(error))
        return 2
    except BrokenPipeError:
        # Nobody reads on (`promptopt runs | head -1`). Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        from promptopt.cli.cockpit import open_cockpit

        return open_cockpit()
    from promptopt.cli.app import app

    return app(arguments) or 0


def _survive_any_encoding() -> None:
    """An output that can't carry a character shows ``?`` in its place, rather than ending the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
