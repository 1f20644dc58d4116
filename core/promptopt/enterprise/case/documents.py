"""Writing a business case: as Markdown, as a page, as slides, as a workbook."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.text import one_line
from promptopt.enterprise.case.calculator import BusinessCase
from promptopt.enterprise.case.viewing import view_of
from promptopt.reporting.business.markdown import markdown_of
from promptopt.reporting.business.page import page_of_case
from promptopt.reporting.business.views import CaseView, Line

if TYPE_CHECKING:
    from promptopt.enterprise.deployment.rollout import RolloutPlan

Format = Literal["md", "html", "pptx", "xlsx"]

FORMATS: tuple[Format, ...] = get_args(Format)

NAME = "business-case"
"""What the files are called, before their endings."""

INFLUENCES = 5
"""Influences that are told in words."""


def write_documents(
    case: BusinessCase,
    folder: Path,
    formats: Sequence[str] = FORMATS,
    plan: "RolloutPlan | None" = None,
) -> list[Path]:
    """Write a case into a folder, which is made if it is not there; files that are there are replaced.

    Args:
        plan: whose phases, and what stops them, are told; without one the usual steps are.

    Raises:
        SettingsError: there is no such format.
        RunError: a package for slides or workbooks is not there, or a file can't be written.
    """
    unknown = [form for form in formats if form not in FORMATS]
    if unknown:
        raise SettingsError(
            f"there is no format {one_line(unknown[0], 30)!r}", fix=f"take some of {', '.join(FORMATS)}"
        )
    view = view_of(case, plan)
    made = [(folder / f"{NAME}.{form}", _MAKERS[form](view)) for form in dict.fromkeys(formats)]
    for path, body in made:
        _write(path, body)
    return [path for path, _ in made]


def in_words(case: BusinessCase) -> dict[str, Any]:
    """The ranges of a case as its documents word them, in JSON values.

    Each figure has the ``marks`` of its sources, and so have the strongest influences; ``sources`` has these.
    """
    view = view_of(case)
    strongest = view.tornado[:INFLUENCES]
    told = [line.told.marks for line in (*view.asked, *view.measured)]
    used = {mark for marks in (*told, *(bar.marks for bar in strongest)) for mark in marks}
    return {
        "asked": [_line(line) for line in view.asked],
        "measured": [_line(line) for line in view.measured],
        "influences": [
            {"label": bar.label, "ends": bar.ends, "share": bar.share, "marks": list(bar.marks)}
            for bar in strongest
        ],
        "sources": [asdict(source) for source in view.sources if source.mark in used],
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "label": line.label,
        "told": line.told.text,
        "note": line.note,
        "marks": list(line.told.marks),
    }


def generate_executive_presentation(
    business_case: BusinessCase, path: Path | str | None = None, plan: "RolloutPlan | None" = None
) -> Path:
    """Write a case as slides; returns the file.

    Args:
        path: file to write; default is ``business-case.pptx`` here.
        plan: as for :func:`write_documents`.

    Raises:
        RunError: python-pptx is not there, or the file can't be written.
    """
    target = Path(path) if path else Path(f"{NAME}.pptx")
    _write(target, _deck(view_of(business_case, plan)))
    return target


def _markdown(view: CaseView) -> bytes:
    return markdown_of(view).encode()


def _page(view: CaseView) -> bytes:
    return page_of_case(view).encode()


def _deck(view: CaseView) -> bytes:
    from promptopt.reporting.business.deck import deck_of

    return deck_of(view)


def _workbook(view: CaseView) -> bytes:
    from promptopt.reporting.business.workbook import workbook_of

    return workbook_of(view)


_MAKERS: dict[str, Callable[[CaseView], bytes]] = {
    "md": _markdown,
    "html": _page,
    "pptx": _deck,
    "xlsx": _workbook,
}


def _write(path: Path, body: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    except OSError as error:
        raise RunError(f"the file can't be written: {error.strerror}", where=str(path)) from error
