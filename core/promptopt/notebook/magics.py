"""``%load_ext promptopt``: ``%promptopt run|attach|tui|runs`` and ``%%prompt``."""

import argparse
import shlex
from collections.abc import Callable
from typing import Any, NoReturn

from promptopt.domain.errors import PromptoptError, SettingsError

LINE = "%promptopt"
CELL = "%%prompt"


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would end the program."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(message, where=self.prog, fix=self.format_usage().strip())

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise _HelpShown


class _HelpShown(Exception):
    """Help was asked for, and printed."""


def load(shell: Any) -> None:
    """Give a shell of IPython the magics."""

    def promptopt(line: str) -> Any:
        return _told(lambda: on_line(line))

    def prompt(line: str, cell: str) -> Any:
        return _told(lambda: on_cell(line, cell, shell.user_ns))

    promptopt.__doc__, prompt.__doc__ = _line_parser().format_help(), _cell_parser().format_help()
    shell.register_magic_function(promptopt, "line", "promptopt")
    shell.register_magic_function(prompt, "cell", "prompt")


def on_line(line: str) -> Any:
    """What ``%promptopt`` does: returns the run, the terminal UI, or the list of runs.

    Raises:
        SettingsError: it is not understood.
        PromptoptError: as :func:`promptopt.start`, :func:`promptopt.attach` and :func:`promptopt.tui`.
    """
    from promptopt.notebook.embedded.opening import tui
    from promptopt.notebook.starting import attach, list_runs, start

    asked = _line_parser().parse_args(_words(line, LINE))
    if asked.what == "run":
        return start(asked.project, fresh=asked.fresh, simulate=asked.simulate, trust=asked.trust)
    if asked.what == "attach":
        return attach(asked.run)
    if asked.what == "tui":
        return tui(asked.run, way=asked.way)
    return list_runs(asked.project, asked.limit)


def on_cell(line: str, cell: str, names: dict[str, Any]) -> Any:
    """What ``%%prompt`` does: the cell's text is a prompt, kept under a name, and scored if cases are given.

    Args:
        names: of the notebook; the prompt is put there.

    Returns:
        The prompt, or its evaluation.

    Raises:
        SettingsError: it is not understood, or there are no such cases.
        PromptoptError: as :func:`promptopt.evaluate`.
    """
    from promptopt.domain.prompt import Prompt
    from promptopt.runs.library import evaluate

    asked = _cell_parser().parse_args(_words(line, CELL))
    if not asked.name.isidentifier():
        raise SettingsError(f"{asked.name!r} is no name of a variable", where=CELL, fix="%%prompt my_prompt")
    prompt = names[asked.name] = Prompt(text=cell.rstrip("\n"))
    if asked.on is None:
        return prompt
    how: Any = names.get(asked.how, {}) if asked.how else {}
    if not isinstance(how, dict):
        raise SettingsError(f"{asked.how} is no dict of settings", where=CELL)
    settings: dict[str, Any] = dict(how)  # pyright: ignore[reportUnknownArgumentType]
    settings |= {"project": asked.project} if asked.project else {}
    settings |= {name: True for name in ("simulate", "trust") if getattr(asked, name)}
    cases = names.get(asked.on, asked.on)  # a variable, else a file
    return evaluate(prompt, cases, **settings)


def _told(does: Callable[[], Any]) -> Any:
    """Do it; what a person can mend is told in a line instead of a traceback."""
    from importlib import import_module

    try:
        return does()
    except _HelpShown:
        return None
    except PromptoptError as error:
        usage: Any = import_module("IPython.core.error").UsageError
        raise usage(str(error)) from None


def _words(line: str, where: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise SettingsError(f"a quote is not closed: {error}", where=where) from None


def _line_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=LINE, description="Runs of promptopt in this notebook.")
    verbs = parser.add_subparsers(dest="what", required=True, parser_class=_Parser)
    run = verbs.add_parser("run", help="start a project's run, or go on with it, and show it live")
    run.add_argument("project", help="name or path of a project")
    run.add_argument("--fresh", action="store_true", help="a new run, also if there is the same one already")
    _add_common(run)
    attach = verbs.add_parser("attach", help="show a run live")
    attach.add_argument("run", nargs="?", default="latest", help="its id, a part of it, or latest")
    tui = verbs.add_parser("tui", help="open the terminal UI in the cell")
    tui.add_argument("run", nargs="?", help="open it on this run: its id, a part of it, or latest")
    tui.add_argument("--way", help="widget, frame or view; default: the best that there is here")
    runs = verbs.add_parser("runs", help="list the newest runs")
    runs.add_argument("project", nargs="?", help="of one project")
    runs.add_argument("--limit", type=int, default=50)
    return parser


def _cell_parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=CELL, description="The cell's text is a prompt; with --on it is scored.")
    parser.add_argument("name", nargs="?", default="prompt", help="variable that it is kept in")
    parser.add_argument("--on", metavar="CASES", help="score it on these cases: a variable, or a file")
    parser.add_argument("--project", help="whose models and checks score it")
    parser.add_argument("--how", metavar="NAME", help="a dict of settings, as for promptopt.evaluate()")
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--simulate", action="store_true", help="the built-in simulator answers, free")
    parser.add_argument("--trust", action="store_true", help="trust the project's code and endpoints")
