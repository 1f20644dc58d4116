"""``promptopt``: the terminal UI without arguments, else the command line."""

import gc
import os
import signal
import sys

from promptopt.domain.errors import PromptoptError

INTERRUPTED = 128 + signal.SIGINT
YOUNG = 100_000
"""New objects until garbage is looked for: imports make nearly as many, and looking takes start-up time."""
PIPE_CLOSED = 141
"""What a shell reports of a program that wrote to a closed pipe (128 + SIGPIPE, which Windows lacks)."""


def main() -> int:
    """Run one command; returns its exit status (see ``promptopt --help``)."""
    gc.set_threshold(YOUNG)
    _survive_any_stream()
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
    except OSError as error:
        return _refused_by_the_system(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        from promptopt.cli.cockpit import open_cockpit

        return open_cockpit()
    from promptopt.cli.app import app

    return app(arguments) or 0


def _refused_by_the_system(error: OSError) -> int:
    """A full disk, a closed standard output: nothing that a stack would make clearer."""
    from contextlib import suppress

    from promptopt.cli.output import complain

    place = f"{error.filename}: " if error.filename else ""
    with suppress(OSError, ValueError):
        complain(f"{place}{error.strerror or error}")
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _survive_any_stream() -> None:
    """Stand in for a closed stream, and show ``?`` for a character that an output can't carry.

    A closed stream (``>&-``) would also leave its number to the next file that is opened: the store's.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


if __name__ == "__main__":
    sys.exit(main())
