"""data: what is odd about the cases of a project, or of a file."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from promptopt.cli.output import emit, say

if TYPE_CHECKING:
    from promptopt.store.casefiles import LoadedData

_SOURCE = "a project (its name or path), or a file or folder of cases."


def data(
    action: Literal["check", "splits"],
    source: Annotated[str, Parameter(name="SOURCE", help=_SOURCE)],
    /,
    *,
    json: bool = False,
) -> None:
    """Look for repeated cases, leaks between splits, odd labels and texts; or tell the split of each case.

    It changes and spends nothing.

    Args:
        action: check, or splits.
        json: print one JSON object.
    """
    from promptopt.domain.dataset import SPLITS

    if action == "splits":
        _say_splits(source, json=json)
        return
    loaded, told = _load(source)
    sizes = {split: len(loaded.dataset[split]) for split in SPLITS}
    notices = [*told, *(text for text in loaded.notices if text not in {f.text for f in loaded.findings})]
    if json:
        findings = [asdict(finding) for finding in loaded.findings]
        emit(
            {
                "cases": len(loaded.dataset),
                "splits": sizes,
                "held_back": loaded.dataset.held_back,
                "findings": findings,
                "notices": notices,
            }
        )
        return
    shown = ", ".join(f"{size} {split}" for split, size in sizes.items())
    held_back = "" if loaded.dataset.held_back else "; too few to hold any back for a sealed test"
    say(f"{len(loaded.dataset)} cases: {shown}{held_back}")
    for text in [*notices, *(finding.text for finding in loaded.findings)]:
        say(f"note   {text}")
    if not loaded.findings:
        say("ok     nothing odd was found")


def _say_splits(source: str, *, json: bool) -> None:
    from promptopt.cli.output import table
    from promptopt.store.casefiles import dealt
    from promptopt.store.projects import find_project, load_project

    if _is_cases(Path(source)):
        dataset = _load(source)[0].dataset
        splits = {case.id: split for split in ("test", "validation", "train") for case in dataset[split]}
    else:
        project = load_project(find_project(source))
        splits = dealt(project.settings.data, project.dir)
    if json:
        emit(splits)
        return
    for line in table(["case", "split"], list(splits.items())):
        say(line)


def _load(source: str) -> "tuple[LoadedData, list[str]]":
    """The cases of a project, or those of a file as a new project would read them, and what to tell."""
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.importing import load_cases
    from promptopt.store.projects import find_project, load_project

    path = Path(source).expanduser() if source.startswith("~") else Path(source)
    if not (source.strip() and _is_cases(path)):
        project = load_project(find_project(source))
        return load_dataset(project.settings, project.dir), list(project.notices)
    return load_cases(path)


def _is_cases(path: Path) -> bool:
    """Whether a path is one of cases, and not that of a project or a configuration of ours."""
    from promptopt.store.caserows import format_of
    from promptopt.store.importing import is_config_file
    from promptopt.store.projects import FILE

    if path.is_dir():
        return not any((path / name).is_file() for name in (FILE, "config.yaml", "config.yml"))
    return bool(format_of(path)) and not is_config_file(path)
