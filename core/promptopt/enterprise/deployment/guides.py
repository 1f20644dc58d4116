"""Texts of a package beside the templates: quick start, exercises, script of a video, figures."""

from collections.abc import Iterable, Sequence

from promptopt.domain.figures import usd
from promptopt.domain.markdown import fenced, inline
from promptopt.enterprise.deployment.examples import Material, PerUse, Shown
from promptopt.enterprise.deployment.offers import Figure, Offer
from promptopt.enterprise.subject import SIMULATED, Subject

SCRIPT_NOTE = (
    "This is the script of a video, with the text of its slides: nobody has recorded one. It takes about "
    "five minutes to read aloud."
)


def quick_start(
    offer: Offer, files: Iterable[tuple[str, str]], monitoring: str, terms: Sequence[str] = ()
) -> str:
    """README of a package.

    Args:
        files: name and purpose of each.
        monitoring: the line that monitors it; empty if it is not recorded.
        terms: what monitoring is held to, and norms that nothing is done for.
    """
    about = offer.subject
    lines = [f"# {inline(offer.name)}", "", *_simulated(offer)]
    lines += [f"**{inline(offer.headline)}** {' '.join(inline(reason) for reason in offer.why)}", ""]
    if not offer.gives_new:
        lines += ["What is in this folder is the prompt before, so that everybody uses the same one.", ""]
    lines += ["## In two minutes", ""]
    lines += [f"{number}. {step}" for number, step in enumerate(_steps(about), 1)]
    lines += ["", "## What is here", "", "| file | what for |", "| --- | --- |"]
    lines += [f"| [{name}]({name}) | {inline(purpose)} |" for name, purpose in files]
    lines += ["", "## How well it works", "", *_bullets(about.figures), ""]
    lines += ["## What it is bad at", "", *weak_points(offer), ""]
    if monitoring:
        lines += ["## Keeping an eye on it", "", "```", monitoring, "```", ""]
    if terms:
        lines += [
            "## Compliance",
            "",
            "All that monitoring sends is held to these terms. What people send from their own programs is "
            "not: that is for them, and for the contracts with the provider. This is no legal advice.",
            "",
            *_bullets(list(terms)),
            "",
        ]
    return _text(lines)


def _steps(about: Subject) -> list[str]:
    if about.variables:
        marks = ", ".join(
            f"`{{{name}}}`" if name.isidentifier() else inline(name) for name in about.variables
        )
        use = f"Put your own text in the place of {marks}, and send it."
    else:
        columns = ", ".join(map(inline, about.columns))
        use = f"Send it first (or keep it as standing instructions), then your own text: {columns}."
    return [
        "Copy the prompt: it is in `prompt/prompt.txt`, and in the templates for ChatGPT, Slack and e-mail.",
        use,
        "Read the answer to the end, and hold it against the reference card.",
        "Tell the owner of the prompt what went wrong: `feedback.csv` has the columns.",
    ]


def weak_points(offer: Offer) -> list[str]:
    """What the prompt still gets wrong, a line each; it says so if nothing is known."""
    known = offer.subject.failures
    if not known:
        return ["Nothing is recorded. That is not the same as nothing."]
    label = f" ({SIMULATED})" if offer.simulated else ""
    return [f"Seen in run {offer.run_id}{label}:", "", *_bullets(known)]


def figures_text(offer: Offer, use: PerUse | None) -> str:
    """All figures, each with its interval and where it comes from."""
    lines = [f"# Figures of {inline(offer.name)}", "", *_simulated(offer)]
    given = "the new prompt" if offer.gives_new else "the prompt before: the new one is not given out"
    given = "today's prompt: nothing better was found" if offer.same else given
    lines += [f"What is in this folder is **{given}**.", ""]
    lines += ["| what | figure | source |", "| --- | --- | --- |"]
    for what, side in (("new prompt", offer.new), ("prompt before", offer.before)):
        if side is not None and side.figure is not None:
            lines.append(_row(what, str(side.figure), side.figure.source))
    if offer.gain:
        lines.append(_row("difference", offer.gain, f"run {offer.run_id}, sealed test"))
    lines += _use_rows(offer.given.figure, use)
    lines += [
        "",
        "Intervals are 95 % confidence intervals: where the score on many more cases like these would lie; "
        "simultaneous ones hold together with 95 %. "
        "For work of another kind they say little.",
        "",
        "## What it is bad at",
        "",
        *weak_points(offer),
    ]
    return _text(lines)


def _use_rows(figure: Figure | None, use: PerUse | None) -> list[str]:
    if use is None:
        return []
    source = f"means of {use.n} cases, {figure.source}" if figure else f"means of {use.n} cases"
    return [
        _row("cost of a use", usd(use.usd), source),
        _row("seconds of a use", f"{use.seconds:.2f}", source),
        _row("tokens of a use", f"{use.tokens:,.0f}", source),
    ]


def exercises(offer: Offer, cases: Material) -> str:
    """Exercises made of real cases: first what was put right, then what still goes wrong."""
    lines = [f"# {inline(offer.name)}: exercises", "", *_simulated(offer)]
    lines += [
        "Cover the part below the line, answer the question first, then look.",
        "The cases are of the run's validation set: the sealed test stays out of sight.",
        "",
    ]
    number = 0
    for shown in cases.fixed:
        number += 1
        lines += [f"## {number}. What has become better?", "", *_case(shown)]
        lines += ["The prompt before answered:", "", fenced(shown.before), ""]
        lines += ["*What is wrong with it, and how would you notice in daily work?*", "", "---", ""]
        lines += [f"It failed: {inline(shown.why)}", "", "The prompt of this package answers:", ""]
        lines += [fenced(shown.after), ""]
    for shown in cases.failing:
        number += 1
        lines += [f"## {number}. Would you send this?", "", *_case(shown)]
        lines += ["The prompt of this package answers:", "", fenced(shown.after), ""]
        lines += ["*Would you use it as it is?*", "", "---", "", f"No. It fails: {inline(shown.why)}", ""]
        lines += ["Expected was:", "", fenced(shown.expected), ""] if shown.expected else []
    if not number:
        lines += [
            "There are no cases at hand. Take three of your last week's work, and mark the answers.",
            "",
        ]
    return _text(lines)


def video_script(offer: Offer, cases: Material) -> str:
    """The script of a training video: what is on each slide, and what is said to it."""
    about = offer.subject
    purpose = inline(about.purpose or offer.name)
    slides: list[tuple[str, Sequence[str], str]] = [
        (
            offer.name,
            [purpose],
            "Welcome. In five minutes you will know what this prompt is for, how to use it, and when not to "
            "trust it.",
        ),
        ("Why one prompt for all", about.figures[:2], f"{offer.headline} {' '.join(offer.why)}"),
        (
            "How to use it",
            _steps(about),
            "Let us do it once. I copy the prompt, add a text of mine, and send it.",
        ),
    ]
    if cases.fixed:
        one = cases.fixed[0]
        slides.append(
            (
                "An example",
                [f"Given: {_short(one.given)}", f"Before: {_short(one.before)}", f"Now: {_short(one.after)}"],
                "This is a real case. The answer before failed, the one now passes. Say what has changed.",
            )
        )
    slides.append(
        (
            "What it gets wrong",
            list(about.failures[:4]) or ["Nothing is recorded, which is not the same as nothing."],
            "Read every answer to the end. These are the ways in which it is known to fail.",
        )
    )
    if about.rules:
        rules = [rule.description for rule in about.rules]
        slides.append(("Before you send an answer", rules, "Go through these with every answer."))
    slides.append(
        (
            "When something is wrong",
            ["Do not change the prompt by yourself.", "Write it into feedback.csv.", "Ask its owner."],
            "Changed, it is another prompt, and nobody has tested that one. Tell us, and we test it.",
        )
    )
    lines = [
        f"# {inline(offer.name)}: script of a training video",
        "",
        *_simulated(offer),
        f"*{SCRIPT_NOTE}*",
        "",
    ]
    for number, (title, shown, said) in enumerate(slides, 1):
        lines += [
            f"## Slide {number}: {inline(title)}",
            "",
            *_bullets(shown),
            "",
            f"Said: {inline(said)}",
            "",
        ]
    return _text(lines)


def _case(shown: Shown) -> list[str]:
    return [f"Case {inline(shown.case_id)}:", "", fenced(shown.given), ""]


def _short(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 160 else plain[:159] + "…"


def _row(*cells: str) -> str:
    return f"| {' | '.join(inline(cell) for cell in cells)} |"


def _simulated(offer: Offer) -> list[str]:
    return [f"**Simulated.** Its figures come from {SIMULATED}.", ""] if offer.simulated else []


def _bullets(lines: Iterable[str]) -> list[str]:
    return [f"- {inline(line)}" for line in lines]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
