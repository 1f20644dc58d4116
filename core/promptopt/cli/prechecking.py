"""check without an output: whether a project can run, and what it would send."""

from typing import TYPE_CHECKING

from promptopt.cli.output import emit, note, say
from promptopt.domain.errors import PromptoptError

if TYPE_CHECKING:
    from promptopt.domain.compliance import Action
    from promptopt.runs.compliance import Examination
    from promptopt.store.projects import Project

SHOWN = 20
"""Places that are shown; ``--json`` has all."""


def check_project(project: "Project", *, json: bool) -> int:
    """Say what is wrong with a project, and what of personal data and secrets it would send.

    Returns:
        1 if it can't run as it is.
    """
    from promptopt.domain.compliance import said
    from promptopt.runs.checking import check_cases, check_runnable
    from promptopt.runs.compliance import examine
    from promptopt.store.casefiles import load_dataset

    dataset = load_dataset(project.settings, project.dir).dataset
    found = examine(project.settings, dataset)
    fault = ""
    try:
        check_runnable(project.settings, project.dir)
        check_cases(project.settings, dataset, project.dir)
    except PromptoptError as error:
        fault = str(error)
    if json:
        emit({"runnable": not fault, "fault": fault, "compliance": {**said(found.policy), **found.as_json()}})
    else:
        _say(found)
        say(f"✗ {fault}" if fault else "✓ it can run")
    return 1 if fault else 0


def _say(found: "Examination") -> None:
    actions: tuple[Action, ...] = ("block", "redact", "allow")
    told = [line for action in actions if (line := found.in_words(action))]
    for line in told:
        say(line)
    if not told:
        say(f"nothing personal or secret was found in the prompt and {found.cases:,} cases")
    for spot in found.spots[:SHOWN]:
        say(f"  {spot}: {found.policy.action(spot.found.kind)}")
    if len(found.spots) > SHOWN:
        note(f"and {len(found.spots) - SHOWN:,} more places; --json has them all")
