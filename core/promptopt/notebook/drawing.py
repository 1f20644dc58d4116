"""Frames and values as HTML, from the templates beside this module; everything in them is escaped."""

from functools import cache
from typing import TYPE_CHECKING, Any

from promptopt.notebook.differences import changes, in_words

if TYPE_CHECKING:
    from jinja2 import Environment

    from promptopt.notebook.frame import Frame


def html_of(template: str, **values: Any) -> str:
    """A template filled in, and made small: no white space at the beginnings of lines."""
    drawn = _environment().get_template(f"{template}.html.j2").render(**values)
    return drawn.strip()


def html_of_frame(frame: "Frame") -> str:
    """A run at one moment."""
    return html_of("run", run=frame, parts=changes(frame.seed, frame.best))


def text_of_frame(frame: "Frame") -> str:
    """The same for those who show no HTML."""
    simulated = " SIMULATED" if frame.simulated else ""
    lines = [f"run {frame.run_id} of {frame.project}: {frame.status[0]} {frame.status[1]}{simulated}"]
    lines += [f"  {glyph} {word} {said}" for (glyph, word, _), said in frame.banners]
    lines += [f"  {frame.doing}"] if frame.doing else []
    lines += [f"  {bar.label}: {bar.said}" for bar in frame.bars]
    lines += [f"  {frame.ending}"] if frame.ending else []
    lines += [f"  {label}: {score}" for label, score in frame.scores]
    lines += [f"  {frame.waiting.what}: {frame.waiting.said}"] if frame.waiting else []
    lines += [f"  {name}: {number} cases" for name, number, _ in frame.categories]
    lines += [f"  {each.label}: {each.spent} ({each.limit})" for each in frame.budget]
    if frame.best and frame.best != frame.seed:
        lines.append(f"  best prompt: {in_words(changes(frame.seed, frame.best))}")
    lines += [f"  {line.at} {line.text}" for line in frame.log]
    return "\n".join([*lines, f"  {frame.hint}"] if frame.hint else lines)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("promptopt.notebook", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
