"""Sheets to look at cases that were made up, and what is decided there."""

from collections.abc import Callable
from typing import Any

from promptopt.data import GeneratedDataset
from promptopt.domain import figures as fm
from promptopt.domain.dataset import Example
from promptopt.domain.results import Interval
from promptopt.domain.text import one_line
from promptopt.notebook.wizards.asking import Sheet
from promptopt.notebook.wizards.fields import Field, Values
from promptopt.synthetic.reviewing import with_texts

GO_ON, MORE, DONE = "go on", "look at more cases", "done"


def page(
    cases: list[Example], rating: Callable[[Example], float | None], options: tuple[str, ...], about: str
) -> Sheet:
    """A sheet of cases to look at."""
    fields: list[Field] = []
    for case in cases:
        score = rating(case)
        real = "" if score is None else f" · realism {score:g} of 10"
        group = f"{case.id} · {', '.join(one_line(tag, 40) for tag in case.tags[:4])}{real}"
        fields.append(Field(f"{case.id}:keep", "Keep it", "yes", group=group))
        fields.append(
            Field(f"{case.id}:input", "Case", "paragraph", group=group, rows=6, required=True, half=True)
        )
        if case.expected is not None:
            fields.append(
                Field(f"{case.id}:expected", "Good answer", "paragraph", group=group, rows=6, half=True)
            )
    fields.append(Field("next", "Then", "choice", group="And then", options=options, help=about))

    def told(values: Values) -> str:
        kept = sum(bool(values[f"{case.id}:keep"]) for case in cases)
        changed = sum(bool(values[f"{case.id}:keep"]) and _edited(case, values) != case for case in cases)
        return f"{kept} of {len(cases)} kept, {changed} of them changed"

    return Sheet(
        "A look at the cases",
        tuple(fields),
        told,
        "What you decide",
        about="Made up: take out what nobody would write, and mend what is wrong.",
        done="Decide",
    )


def ending(dataset: GeneratedDataset) -> Sheet:
    """The last one: how good they are, and where to keep them."""
    fields = (
        Field("next", "Then", "choice", options=(DONE, MORE)),
        Field("project", "Save as the project", help="a name; empty: not saved as a project", half=True),
        Field("file", "Save as the file", help="such as cases.jsonl; empty: not saved as a file", half=True),
    )
    return Sheet(
        "The cases are there", fields, lambda _: report_text(dataset), "How good they are", done="Finish"
    )


def report_text(dataset: GeneratedDataset) -> str:
    """The quality report in a few lines."""
    found = dataset.report
    sizes = ", ".join(f"{number} {split}" for split, number in found.sizes.items())
    split = f": {sizes}" if dataset.held_back else ", too few to hold any back for a sealed test"
    lines = [
        f"{fm.plural(found.cases, 'case')}{split}",
        f"quality {found.quality_score:.1f} of 10: {found.verdict}",
        *(f"  {name}: {value:.0%}" for name, value in found.parts.items()),
        _realism(found.realism),
        *(f"- {finding.text}" for finding in found.findings),
    ]
    return "\n".join([*lines, f"SIMULATED, by {dataset.model}"] if dataset.simulated else lines)


def _realism(found: Interval | None) -> str:
    if found is None:
        return "realism: nobody has judged it"
    return f"realism {found.mean:.1f} [{found.low:.1f}, {found.high:.1f}] of 10, by a judge model"


def texts(cases: list[Example]) -> Values:
    """The values of a sheet of cases as they are."""
    found: Values = {}
    for case in cases:
        found |= {f"{case.id}:keep": True, f"{case.id}:input": case.input_text}
        if case.expected is not None:
            found[f"{case.id}:expected"] = case.expected
    return found


def _edited(case: Example, values: Values) -> Example:
    """The case with what was typed; what was only trimmed is not changed."""
    given, expected = values[f"{case.id}:input"], values.get(f"{case.id}:expected")
    return with_texts(
        case,
        None if given == case.input_text.strip() else given,
        None if expected is None or expected == (case.expected or "").strip() else expected,
    )


def decide(queue: Any, case: Example, values: Values) -> None:
    """Drop a case, or keep it as it stands on the sheet."""
    if not values[f"{case.id}:keep"]:
        queue.drop(case)
    else:
        queue.edit(case, _edited(case, values))
