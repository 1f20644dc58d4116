"""data validate, splits, scenarios: how good cases are, where they are, and what can be made up."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.output import emit, say

if TYPE_CHECKING:
    from promptopt.store.casefiles import LoadedData

_SOURCE = "a project (its name or path), or a file or folder of cases."

SourceArgument = Annotated[str, Parameter(name="SOURCE", help=_SOURCE)]


def validate(source: SourceArgument, /, *, strict: bool = False, json: bool = False) -> int:
    """Measure cases: repetitions, leaks between splits, variety, balance, labels, texts, private data.

    It changes and spends nothing. The status is 1 if the score is below 5 of 10, a case is in two splits,
    is empty, or contradicts another, or all cases expect the same.

    Args:
        strict: the status is 1 for anything odd, and for a score below 7.
        json: print one JSON object.
    """
    from promptopt.domain.dataset import SPLITS
    from promptopt.synthetic.quality import in_words, measure

    loaded, told, prompt = _load(source)
    report = measure(loaded.dataset, prompt=prompt)
    bad = bool(report.serious) or report.verdict == "poor"
    if strict:
        bad = bad or bool(report.findings) or report.verdict != "good"
    notices = [*told, *(text for text in loaded.notices if text not in {f.text for f in loaded.findings})]
    if json:
        sizes = {split: len(loaded.dataset[split]) for split in SPLITS}
        table = {
            **report.as_json(),
            "splits": sizes,
            "held_back": loaded.dataset.held_back,
            "notices": notices,
        }
        emit(table | {"bad": bad})
        return int(bad)
    shown = ", ".join(f"{len(loaded.dataset[split])} {split}" for split in SPLITS)
    held_back = "" if loaded.dataset.held_back else "; too few to hold any back for a sealed test"
    say(f"{len(loaded.dataset)} cases: {shown}{held_back}")
    for line in in_words(report.as_json()):
        say(line)
    for text in notices:
        say(f"note   {text}")
    for finding in report.findings:
        say(f"{'bad' if finding in report.serious else 'note':<6} {finding.text}")
    if not report.findings:
        say("ok     nothing odd was found")
    return int(bad)


def splits(source: SourceArgument, /, *, json: bool = False) -> None:
    """Tell which case is in which split.

    Args:
        json: print one JSON object.
    """
    from promptopt.cli.output import table
    from promptopt.store.casefiles import dealt
    from promptopt.store.projects import find_project, load_project

    if is_cases(Path(source)):
        dataset = _load(source)[0].dataset
        found = {case.id: split for split in ("test", "validation", "train") for case in dataset[split]}
    else:
        project = load_project(find_project(source))
        found = dict(dealt(project.settings.data, project.dir))
    if json:
        emit(found)
        return
    for line in table(["case", "split"], list(found.items())):
        say(line)


def scenarios(
    name: Annotated[str, Parameter(name="SCENARIO", help="one of them, in full.")] = "",
    /,
    *,
    json: bool = False,
) -> None:
    """List the scenarios that cases can be made up for, or tell all of one.

    Args:
        json: print JSON.
    """
    from promptopt.cli.output import table
    from promptopt.synthetic.scenarios import find_scenario
    from promptopt.synthetic.scenarios import scenarios as every

    if name:
        found = find_scenario(name)
        if json:
            emit(found.model_dump(mode="json"))
            return
        say(f"{found.name}: {found.title}\n\n{found.description}\n")
        for kind in ("personas", "difficulties", "situations"):
            say(f"{kind}:")
            for facet in getattr(found, kind):
                say(f"  {facet.name}{' (edge case)' if facet.edge else ''}: {facet.text}")
        for label in found.labels:
            say(f"label {label.name}: {', '.join(label.values)}")
        return
    if json:
        emit([scenario.model_dump(mode="json") for scenario in every()])
        return
    rows = [
        [s.name, s.title, str(len(s.personas) * len(s.difficulties) * len(s.situations))] for s in every()
    ]
    for line in table(["scenario", "what it is", "cells"], rows):
        say(line)


def _load(source: str) -> "tuple[LoadedData, list[str], str]":
    """The cases of a project, or of a file as a new project would read it; what to tell; the prompt."""
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.importing import load_cases
    from promptopt.store.projects import find_project, load_project

    path = Path(source).expanduser() if source.startswith("~") else Path(source)
    if not (source.strip() and is_cases(path)):
        project = load_project(find_project(source))
        return load_dataset(project.settings, project.dir), list(project.notices), project.settings.prompt
    loaded, told = load_cases(path)
    return loaded, told, ""


def is_cases(path: Path) -> bool:
    """Whether a path is one of cases, and not that of a project or a configuration of ours."""
    from promptopt.store.caserows import format_of
    from promptopt.store.importing import is_config_file
    from promptopt.store.projects import FILE

    if path.is_dir():
        return not any((path / name).is_file() for name in (FILE, "config.yaml", "config.yml"))
    return bool(format_of(path)) and not is_config_file(path)
