"""new: a project from a template, an example or a file of cases. And the demo's project."""

import builtins
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.output import note, on_terminal, say
from promptopt.domain.text import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptopt.domain.settings import ProjectSettings
    from promptopt.store.columns import ColumnChoice

_FROM = (
    "a file of cases (.csv, .tsv, .jsonl, .json, .yaml, .parquet), a folder with a data set, a YAML "
    "configuration, promptfoo's too, or another project. "
    "Without it: a small commented template, ready to run."
)


_EXAMPLE = "one of the example tasks that come with promptopt; list shows them."


@Parameter(name="*")
@dataclass(frozen=True)
class Columns:
    """Which column of --from is what.

    Attributes:
        input: column of --from with the input; give it again for more columns.
        expected: column with the expected output.
        id: column with the case's id.
        tags: column with free labels.
        group: column with the case's group; cases of a group are never parted.
        weight: column with the case's weight in a mean.
    """

    input: tuple[str, ...] | None = None
    expected: str | None = None
    id: str | None = None
    tags: str | None = None
    group: str | None = None
    weight: str | None = None

    def choice(self) -> "ColumnChoice":
        """As the reader of files takes it."""
        from promptopt.store.columns import ColumnChoice

        return ColumnChoice(self.input or (), self.expected, self.id, self.group, self.tags, self.weight)


NO_COLUMNS = Columns()


def new(
    name: str | None = None,
    /,
    *,
    source: Annotated[Path | None, Parameter(name="--from", help=_FROM)] = None,
    example: Annotated[str | None, Parameter(help=_EXAMPLE)] = None,
    columns: Columns = NO_COLUMNS,
) -> None:
    """Make a project in the data directory. A project that is there is never overwritten.

    Args:
        name: what to call it; with --example it may be left out.
    """
    from promptopt.domain.errors import SettingsError
    from promptopt.store.newprojects import from_template

    if example == "list":
        _list_examples()
        return
    if example is not None and source is not None:
        raise SettingsError("--example and --from are given", fix="give one of them")
    if name is None and example is None:
        raise SettingsError("the project has no name", fix="give one: promptopt new NAME")
    called = str(name if name is not None else example)
    if source is None and columns != NO_COLUMNS:
        raise SettingsError("columns are named, but no file of cases", fix="give one: --from FILE")
    if example is not None:
        path = _from_example(example, called)
    elif source is not None:
        path = _from_cases(source, called, columns)
    else:
        path = from_template(called)
    say(str(path))
    note(f"edit it, then: promptopt run {path.parent.name}    (to try without a key or cost: add --simulate)")


def _from_cases(source: Path, name: str, columns: Columns) -> Path:
    """Make a project of a file of cases and tell what was taken for what."""
    from promptopt.evaluation.checks.options import refusal
    from promptopt.store.newprojects import from_source
    from promptopt.store.projects import load_project

    ask = _choose if on_terminal() else None
    path, files, notices = from_source(source, name, columns.choice(), ask, refusal)
    settings = load_project(path).settings
    if files:
        note(f"data beside it: {', '.join(files)}")
    for notice in [*notices, *_look(settings, path.parent)]:
        note(notice)
    _tell(settings)
    _tell_of_trust(path)
    return path


def _from_example(example: str, name: str) -> Path:
    """Copy an example, under its own name or another."""
    from promptopt.store.newprojects import from_example
    from promptopt.store.projects import load_project

    path = from_example(example, name)
    _tell(load_project(path).settings)
    return path


def _list_examples() -> None:
    from promptopt.cli.output import table
    from promptopt.examples import companies, examples

    rows = [[each.name, str(each.cases), each.about] for each in examples()]
    for line in table(["example", "cases", "what it is"], rows):
        say(line)
    note("promptopt new --example NAME makes a project of one")
    note(
        f"a made-up company, for made-up cases: {', '.join(f'examples/{name}.yaml' for name in companies())}"
    )


def _choose(question: str, options: "Sequence[str]") -> str | None:
    """Ask for one of ``options`` by number; None if there is no answer (end of input)."""
    note(question)
    for number, option in enumerate(options, 1):
        note(f"  {number}  {one_line(option, 80)}")
    while True:
        note(f"number, 1 to {len(options)} (enter for 1):")
        try:
            answer = builtins.input().strip() or "1"
        except EOFError:
            return None
        if answer.isdecimal() and 1 <= int(answer) <= len(options):
            return options[int(answer) - 1]


def _look(settings: "ProjectSettings", folder: Path) -> list[str]:
    """What there is to know about the cases of a new project, also if they can't be used yet."""
    from promptopt.domain.errors import SettingsError
    from promptopt.store.casefiles import load_dataset

    try:
        return list(load_dataset(settings, folder).notices)
    except SettingsError as error:
        return [f"its cases can't be used yet: {error}"]


def make_demo() -> Path:
    """The demo's project file in the data directory, copied there if it is not there yet."""
    from promptopt.examples import demo_dir
    from promptopt.store.projects import FILE, projects_dir, write_files

    folder = projects_dir() / "demo"
    if not (folder / FILE).exists():
        # Data files first: the project is there once its project file is.
        sources = sorted(demo_dir().iterdir(), key=lambda path: path.name == FILE)
        missing = [path for path in sources if path.is_file() and not (folder / path.name).exists()]
        write_files(folder, {path.name: path.read_bytes() for path in missing})
        note(f"the demo is a project of yours now: {folder}")
    return folder / FILE


def _tell_of_trust(path: Path) -> None:
    """Say that the file that a project was made of has code or an endpoint of its own, if it has."""
    from promptopt.domain.errors import SettingsError
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import load_project
    from promptopt.store.trust import powers, untrusted

    project = load_project(path)
    try:
        cases = load_dataset(project.settings, project.dir).dataset.cases()
    except SettingsError:
        return  # it was said what is wrong with them; a run asks again
    if untrusted(powers(project.settings, cases, project.dir)):
        note(f"it has code or an endpoint of its own; before it runs: promptopt trust {path.parent.name}")


def _tell(settings: "ProjectSettings") -> None:
    """Say which models a project made of somebody's file would call."""
    for _, role, model in settings.every_model():
        note(f"{role} model: {model.model}")
