"""The tree of commands. Nothing but names and help here: ``--help`` imports none of the commands."""

from collections.abc import Iterable

from cyclopts import App, Parameter

from promptopt.cli.below import BELOW
from promptopt.cli.commands import COMMANDS, HELP, Command

_EXIT = """\
Exit status
  0    done; a run ended in order (finished, stopped, out of budget)
  1    a run failed or its worker died; eval gave no score, rescore another one; doctor
       found a fault, data validate bad cases, consistency a goal that is missed
  2    bad input or usage: nothing was started or changed
  4    the run paused itself, as a model answers no call any more; promptopt resume goes on
  130  you left with Ctrl-C; the run goes on without you
  monitor has its own, which its help tells

promptopt COMMAND --help shows options and examples."""


def _version() -> str:
    import promptopt

    return promptopt.__version__


def _default_shown(value: object) -> str | None:
    """What is off or absent unless it is given needs no saying."""
    return None if value is None or value is False else str(value)


def _usage_error(error: Exception) -> str:
    """What is wrong with the arguments, in the form of every other complaint."""
    from rich.markup import escape

    from promptopt.domain.text import sanitize

    return escape(sanitize(f"promptopt: {error}"))


app = App(
    name="promptopt",
    help="Watch a prompt get better: measured prompt optimization inside a hard budget.\n\n"
    "Without a command it opens the terminal UI. To see it at work: promptopt demo",
    help_epilogue=_EXIT,
    help_format="plaintext",
    version=_version,
    error_formatter=_usage_error,
    default_parameter=Parameter(negative=(), show_default=_default_shown),
    group_commands=HELP,
    result_action="return_value",
)


def _add(parent: App, commands: Iterable[Command]) -> None:
    for place, command in enumerate(commands):
        if not command.target:
            _add_group(parent, place, command)
            continue
        parent.command(
            f"promptopt.cli.{command.target}",
            name=command.name,
            group=command.group,
            help=command.help,
            sort_key=place,
            help_format="plaintext",
            help_epilogue=_examples(command),
        )


def _add_group(parent: App, place: int, command: Command) -> None:
    below = App(
        name=command.name,
        help=command.help,
        group=command.group,
        sort_key=place,
        help_format="plaintext",
        help_epilogue=_examples(command),
        version_flags=(),
        default_parameter=parent.default_parameter,
        result_action="return_value",
    )
    _add(below, BELOW[command.name])
    parent.command(below)


def _examples(command: Command) -> str:
    return "Examples\n" + "\n".join(f"  promptopt {example}" for example in command.examples)


_add(app, COMMANDS)
