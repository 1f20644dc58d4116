"""A folder that a team shares: who the company is, projects, notebooks, results, and how to begin.

It is files only. Each member works with a store of their own and keeps copies of it in a folder of their own,
for one SQLite store that several machines write to over a shared drive breaks.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.errors import SettingsError
from promptopt.domain.markdown import inline
from promptopt.enterprise.config import company_file
from promptopt.enterprise.context import BusinessContext
from promptopt.notebook.written import template_for, write
from promptopt.store.projects import find_project, load_project, slugify
from promptopt.store.validation import dotted, unknown_keys, validate
from promptopt.store.yamltext import dump_yaml

COMPANY, PROJECTS, NOTEBOOKS, RESULTS, COPIES = "company.yaml", "projects", "notebooks", "results", "copies"
WHERE = Path("team_config")


class TeamConfig(BaseModel):
    """What a workspace has.

    Attributes:
        team: its name.
        members: by name; each gets a folder for copies of a store.
        folder: where it is; in Colab within Drive. Default: the team's name.
        company: an enterprise configuration or a company file.
        projects: names or paths of projects that are copied there.
        use_cases: notebooks that are written there, as ``deploy_notebook_template`` takes them.
    """

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True)

    team: str = Field(min_length=1, max_length=80)
    members: list[str] = Field(default_factory=list[str])
    folder: str = ""
    company: str = ""
    projects: list[str] = Field(default_factory=list[str])
    use_cases: list[str] = Field(default_factory=list[str])


@dataclass(frozen=True)
class WorkspaceConfig:
    """A workspace, as it was set up.

    Attributes:
        path: of its folder.
        team: its name.
        copies: member to the folder for copies of their store, as ``save_to_drive(folder)`` takes it.
        made: files that are new.
        left: files that were there already, and stay as they are.
    """

    path: Path
    team: str
    copies: Mapping[str, Path]
    made: tuple[Path, ...]
    left: tuple[Path, ...]


def read_team_config(given: Mapping[str, Any]) -> TeamConfig:
    """Read what a workspace should have.

    Raises:
        SettingsError: a key is unknown or can't be used.
    """
    for keys, _ in unknown_keys(TeamConfig, given):
        known = ", ".join(TeamConfig.model_fields)
        raise SettingsError(f"there is no key {dotted(keys)!r}", where=str(WHERE), fix=f"there are: {known}")
    made, _ = validate(TeamConfig, given, WHERE)
    return made


def set_up_workspace(config: TeamConfig, folder: Path) -> WorkspaceConfig:
    """Make a workspace, or add to one what is missing. What is there stays as it is.

    Raises:
        SettingsError: a project, a notebook or the company can't be found, or the folder can't be written.
    """
    company = _company(config.company) if config.company else ""
    projects = [load_project(find_project(each)) for each in config.projects]
    notebooks = [template_for(each) for each in config.use_cases]
    desk = _Desk(folder)
    try:
        for part in (PROJECTS, NOTEBOOKS, RESULTS):
            (folder / part).mkdir(parents=True, exist_ok=True)
        copies = {name: folder / COPIES / slugify(name) for name in dict.fromkeys(config.members)}
        if len(set(copies.values())) < len(copies):
            raise SettingsError("two members have names that are alike", where=f"{WHERE}.members")
        for place in copies.values():
            place.mkdir(parents=True, exist_ok=True)
        if company:
            desk.text(folder / COMPANY, company)
        for project in projects:
            desk.tree(project.dir, folder / PROJECTS / slugify(project.settings.name))
        for name in notebooks:
            desk.notebook(name, folder / NOTEBOOKS)
        desk.text(folder / "README.md", _readme(config, copies, bool(company)))
    except OSError as error:
        raise SettingsError(f"the workspace can't be written: {error.strerror}", where=str(folder)) from error
    return WorkspaceConfig(folder, config.team, copies, tuple(desk.made), tuple(desk.left))


class _Desk:
    """Writes what is not there yet, and keeps account of both."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: list[Path] = []
        self.left: list[Path] = []

    def text(self, path: Path, text: str) -> None:
        if not self._there(path):
            path.write_text(text, encoding="utf-8")

    def notebook(self, name: str, folder: Path) -> None:
        if not self._there(folder / f"{name}.ipynb"):
            write(name, folder)

    def tree(self, source: Path, target: Path) -> None:
        """A project's folder, without what a link points to elsewhere."""
        for path in sorted(source.rglob("*")):
            if path.is_file() and not path.is_symlink():
                place = target / path.relative_to(source)
                place.parent.mkdir(parents=True, exist_ok=True)
                if not self._there(place):
                    shutil.copyfile(path, place)

    def _there(self, path: Path) -> bool:
        there = path.exists()
        (self.left if there else self.made).append(path)
        return there


def _company(reference: str) -> str:
    """The company's file as it stands, if it can be read; one in TOML as YAML."""
    path = company_file(reference)
    context = BusinessContext.load(path)
    if path.suffix.lower() == ".toml":
        return dump_yaml(context.model_dump(mode="json", exclude_defaults=True))
    return path.read_text(encoding="utf-8")


def _readme(config: TeamConfig, copies: Mapping[str, Path], company: bool) -> str:
    lines = [f"# {inline(config.team)}: prompts", ""]
    lines += [
        "This folder is shared. Each of us works with a store of our own, on our own machine, and keeps",
        "copies of it here; one store that several write to over a shared drive would break.",
        "",
    ]
    lines += ["| what | where |", "| --- | --- |"]
    lines += [f"| who we are, and what our prompts keep to | `{COMPANY}` |"] if company else []
    lines += [
        f"| projects: prompt, checks, cases | `{PROJECTS}/` |",
        f"| notebooks to begin with | `{NOTEBOOKS}/` |",
        f"| pages of results | `{RESULTS}/` |",
    ]
    lines += [
        f"| copies of the store of {inline(name)} | `{COPIES}/{place.name}/` |"
        for name, place in copies.items()
    ]
    lines += ["", "To begin, in a notebook:", "", "```python", "import promptopt", ""]
    lines += ["manager = promptopt.ColabManager()"]
    lines += [f'manager.setup_enterprise_environment("{COMPANY}")'] if company else []
    lines += [f'manager.save_to_drive("…/{COPIES}/YOUR-NAME")  # the path of your folder here', "```", ""]
    lines += [
        f'To show a result: `manager.create_shareable_results(run, "…/{RESULTS}/NAME.html")`.',
        f"A project that one of us has changed is copied to `{PROJECTS}/` by hand, so that nobody's work is",
        "replaced unseen.",
        "",
        "Keys belong into nobody's file: they come from Colab's secrets, the environment or the keyring.",
        "",
    ]
    return "\n".join(lines)
