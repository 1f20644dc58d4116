"""The manager under its name for companies: notebooks, pages and a workspace for a team."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line, sanitize
from promptopt.notebook.colab import ColabManager, place
from promptopt.notebook.run import Run
from promptopt.notebook.workspace import WorkspaceConfig, read_team_config, set_up_workspace
from promptopt.notebook.written import template_for, write
from promptopt.store.projects import slugify


class ColabEnterpriseManager(ColabManager):
    """What a company's team needs beside that."""

    def deploy_notebook_template(self, use_case: str, folder: str | Path = "") -> str:
        """Write a notebook to start from; returns its path. One that is there is not replaced.

        Args:
            use_case: ``customer_support``, ``internal_email``, ``content_creation``,
                ``technical_documentation``, or the name or title of any notebook.
            folder: in Colab within your Drive; elsewhere any folder. Default: there ``promptopt``, here the
                current folder.

        Raises:
            SettingsError: there is no such notebook, or it can't be written.
        """
        name = template_for(use_case)
        return str(write(name, place(folder)))

    def create_shareable_results_dashboard(
        self, results: Any = "latest", path: str | Path | None = None
    ) -> str:
        """Write results as one HTML page that loads nothing; returns its path.

        Args:
            results: a run, its id, or what tells of one: a prompt, or anything with ``run_id``.
            path: as for :meth:`create_shareable_results`.

        Raises:
            RunError: there is no such run.
            SettingsError: nothing tells which run, or the file can't be written.
        """
        return str(self.create_shareable_results(_run_of(results), path))

    def setup_team_collaboration_workspace(self, team_config: Mapping[str, Any]) -> WorkspaceConfig:
        """Make a folder for a team: company, projects, notebooks, results, and how to begin.

        What is there stays as it is. Each member has a store of their own, and a folder for copies of it.

        Args:
            team_config: ``team``, and ``members``, ``folder``, ``company``, ``projects``, ``use_cases``; see
                :class:`promptopt.notebook.workspace.TeamConfig`.

        Raises:
            SettingsError: a key or a value that can't be used, or the folder can't be written.
        """
        wanted = read_team_config(team_config)
        made = set_up_workspace(wanted, place(wanted.folder or slugify(wanted.team)))
        print(sanitize(f"{made.path}: {len(made.made)} files are new, {len(made.left)} were there and stay"))
        return made


def _run_of(results: Any) -> Run | str:
    if isinstance(results, Run | str):
        return results
    metadata: Any = getattr(results, "metadata", None)
    found: Any = getattr(results, "run_id", None)
    if found is None and isinstance(metadata, Mapping):
        found = metadata.get("run_id")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(found, str) and found:
        return found
    raise SettingsError(
        f"a {one_line(type(results).__name__, 40)} tells of no run",
        where="create_shareable_results_dashboard()",
        fix="give a run, its id, or what has run_id",
    )
