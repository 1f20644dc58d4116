"""What there is to say of a prompt to those who shall use it; nothing is said that is not known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import OptimizedPrompt, Prompt
from promptopt.domain.results import interval_name
from promptopt.domain.text import one_line
from promptopt.enterprise.context import BusinessContext

SIMULATED = "simulated models: says nothing about a real one"

_TITLE_CHARS = 70


@dataclass(frozen=True)
class Rule:
    """A rule for every answer.

    Attributes:
        kept: how many outputs kept it, in words; empty if nobody looked.
    """

    description: str
    kept: str = ""


@dataclass(frozen=True)
class Subject:
    """A prompt, and what is known of it.

    Attributes:
        title, purpose: what it does, in a few words, and in the first paragraph of the task's description:
            what follows that is for a model (rules, the business), and has places of its own.
        variables: the marks in its text.
        columns: what a case has, for a prompt without marks.
        rules: checked in every output.
        figures: what was measured, a sentence each; never empty.
        failures: what it still gets wrong, a line each.
    """

    title: str
    purpose: str
    prompt: Prompt
    variables: Sequence[str]
    columns: Sequence[str]
    context: BusinessContext
    rules: Sequence[Rule]
    figures: Sequence[str]
    failures: Sequence[str]
    simulated: bool

    @property
    def examples(self) -> Sequence[Example]:
        return self.prompt.demonstrations


def subject_of(
    prompt: Prompt, context: BusinessContext | None, title: str, columns: Sequence[str]
) -> Subject:
    """Gather what a prompt's metadata and a business context say."""
    about: Mapping[str, Any] = prompt.metadata if isinstance(prompt, OptimizedPrompt) else {}
    task: Mapping[str, Any] = about.get("task") or {}
    if context is None:
        context = BusinessContext.of(about.get("business_context"))
    shown = [name for demo in prompt.demonstrations for name in demo.inputs]
    known = list(dict.fromkeys([*columns, *(task.get("columns") or ()), *shown]))
    described = str(task.get("description") or about.get("project") or "")
    purpose = described.strip().partition("\n\n")[0]
    simulated = bool(about.get("simulated"))
    return Subject(
        title=one_line(title or purpose.partition("\n")[0] or f"Prompt {prompt.id}", _TITLE_CHARS),
        purpose=purpose,
        prompt=prompt,
        variables=prompt.placeholders(known),
        columns=known or ["input"],
        context=context,
        rules=_rules(context, task, about.get("compliance") or (), simulated),
        figures=_figures(about, simulated),
        failures=_failures(about.get("failures")),
        simulated=simulated,
    )


def _rules(
    context: BusinessContext, task: Mapping[str, Any], kept: Sequence[Mapping[str, Any]], simulated: bool
) -> list[Rule]:
    """The task's rules and those of the business, each once, with how it was kept."""
    marks = {str(mark["rule"]): _kept(mark, simulated) for mark in kept}
    names: dict[str, str] = {}
    for rule in task.get("rules") or ():
        names[str(rule["name"])] = str(rule["description"] or rule["name"])
    for constraint in context.constraints():
        names.setdefault(constraint.name, constraint.description)
    return [Rule(description, marks.get(name, "")) for name, description in names.items()]


def _kept(mark: Mapping[str, Any], simulated: bool) -> str:
    if not mark["outputs"]:
        return ""
    where = "sealed test" if mark["split"] == "test" else "validation"
    bounds = f"[{mark['low']:.1%}, {mark['high']:.1%}]"
    label = f"; {SIMULATED}" if simulated else ""
    return f"kept by {mark['kept']} of {mark['outputs']} {where} outputs {bounds}{label}"


def _figures(about: Mapping[str, Any], simulated: bool) -> list[str]:
    label = f" ({SIMULATED})" if simulated else ""
    said = [
        f"{where}: {score['score']:.1%}, 95 % interval [{score['low']:.1%}, {score['high']:.1%}], "
        f"{score['passed']} of {score['n']} cases pass{label}."
        for where, score in (
            ("Sealed test", about.get("test")),
            ("Validation, on which it was chosen, which flatters it", about.get("validation")),
        )
        if score
    ]
    if not said:
        return ["This prompt comes without figures: nobody knows how well it works."]
    gap = cast("Mapping[str, Any] | None", about.get("comparison"))
    if gap:
        low, high = gap["interval"]
        name = interval_name(int(gap.get("together") or 1))
        points = f"{gap['difference'] * 100:+.1f} points, {name} [{low * 100:+.1f}, {high * 100:+.1f}]"
        verdict = str(gap["verdict"])
        than = "from" if verdict == "not distinguishable" else "than"
        said.append(f"Against the prompt that it started from: {verdict} {than} it, {points}{label}.")
    elif about.get("test_note"):
        said.append(f"Sealed test: {about['test_note']}{label}.")
    else:
        said.append("No sealed test: whether it is better than what it started from is not known.")
    return [*said, f"Source: run {about.get('run_id', '?')}, optimizer {about.get('optimizer', '?')}."]


def _failures(found: Mapping[str, Any] | None) -> list[str]:
    lines: list[str] = []
    for cluster in (found or {}).get("clusters") or ():
        detail = f": {one_line(str(cluster['detail']), 160)}" if cluster["detail"] else ""
        lines.append(f"{cluster['count']}× {cluster['category']}{detail}")
    return lines
