"""new: a project from a template or from a file of cases. And the demo's project."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.output import note, say

if TYPE_CHECKING:
    from promptopt.domain.settings import ProjectSettings

_FROM = (
    "a file of cases (.csv, .tsv, .jsonl, .json, .yaml), a YAML configuration, or another project. "
    "Without it: a small commented template, ready to run."
)


def new(name: str, /, *, source: Annotated[Path | None, Parameter(name="--from", help=_FROM)] = None) -> None:
    """Make a project in the data directory. A project that is there is never overwritten.

    Args:
        name: what to call it.
    """
    from promptopt.store.projects import projects_dir, save_project, slugify

    folder = projects_dir() / slugify(name)
    if source is None:
        path = _from_template(name, folder)
    else:
        from promptopt.store.importing import import_project

        settings, files = import_project(source, name)
        path = save_project(settings, folder, files)
        _tell(settings)
        _tell_of_trust(path)
    say(str(path))
    note(f"edit it, then: promptopt run {folder.name}    (to try without a key or cost: add --simulate)")


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


def _from_template(name: str, folder: Path) -> Path:
    """Write the template; raises SettingsError if the name can't be used or is taken."""
    import tomli_w

    from promptopt.store.projects import FILE, settings_from, write_files
    from promptopt.store.textfiles import parse_toml

    path = folder / FILE
    body = (Path(__file__).parent / "template.toml").read_text(encoding="utf-8")
    text = tomli_w.dumps({"name": name}) + "\n" + body
    settings_from(parse_toml(text, path), path)
    write_files(folder, {FILE: text.encode()})
    return path


def _tell_of_trust(path: Path) -> None:
    """Say that the file that a project was made of has code or an endpoint of its own, if it has."""
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import load_project
    from promptopt.store.trust import powers, untrusted

    project = load_project(path)
    cases = load_dataset(project.settings, project.dir).dataset.cases()
    if untrusted(powers(project.settings, cases, project.dir)):
        note(f"it has code or an endpoint of its own; before it runs: promptopt trust {path.parent.name}")


def _tell(settings: "ProjectSettings") -> None:
    """Say which models a project made of somebody's file would call."""
    for role, model in settings.models.items():
        note(f"{role} model: {model.model}")
