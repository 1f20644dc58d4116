"""Texts with which a prompt is given to a team: ChatGPT, Slack, e-mail, reference card, training guide.

They are written from the prompt, its examples, its rules and what was measured of it. Everything in them that
comes from a prompt, a model or a person is data: it can't change the text around it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from promptopt.domain.dataset import Example
from promptopt.domain.markdown import fenced, inline
from promptopt.domain.prompt import Prompt
from promptopt.domain.text import one_line, sanitize
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.media import parted, slack, slack_block
from promptopt.enterprise.subject import SIMULATED, Rule, Subject, subject_of

INSTRUCTION_CHARS = 8000
"""Most characters that a field for standing instructions takes in ChatGPT."""

_SHOWN = 3
"""Examples in the training guide; the others are in the templates."""


def create_team_deployment_assets(
    optimized_prompt: Prompt,
    business_context: BusinessContext | Mapping[str, Any] | None = None,
    *,
    title: str = "",
    columns: Sequence[str] = (),
) -> dict[str, str]:
    """Write the texts with which a team takes up a prompt.

    Args:
        optimized_prompt: the prompt; figures, rules and columns are those of its ``metadata``.
        business_context: default: that of its ``metadata``.
        title: what the team calls it; default: the first line of the task.
        columns: names that stand in braces in the prompt, if its ``metadata`` does not tell them.

    Returns:
        ``chatgpt_template``, ``reference_card`` and ``training_materials`` in Markdown, ``slack_template`` in
        Slack's mrkdwn, ``email_template`` as plain text whose first line is the subject. Figures have their
        intervals, and say so if models were simulated.

    Raises:
        SettingsError: a business context that can't be used.
    """
    context = None if business_context is None else BusinessContext.of(business_context)
    about = subject_of(optimized_prompt, context, title, columns)
    return {
        "chatgpt_template": _chatgpt(about),
        "slack_template": _slack(about),
        "email_template": _email(about),
        "reference_card": _card(about),
        "training_materials": _guide(about),
    }


def _chatgpt(about: Subject) -> str:
    text = about.prompt.text
    if about.variables:
        steps = [
            "Copy the prompt below into a new chat.",
            f"Put your own text in the place of {_marks(about)}, braces included.",
            "Send it, and look at the answer by the rules below.",
        ]
    else:
        steps = [
            "Copy the prompt below into the instructions of a project or a GPT of your own, once.",
            f"Start a chat there, and send {_inputs(about)} alone.",
            "Look at the answer by the rules below.",
        ]
    lines = [f"# {inline(about.title)}: ChatGPT template", "", *_simulated(about), *_numbered(steps), ""]
    lines += ["## The prompt", "", fenced(text), ""]
    if len(text) > INSTRUCTION_CHARS and not about.variables:
        lines += [
            f"It has {len(text)} characters, and fields for instructions take {INSTRUCTION_CHARS}: "
            "send it as the first message of a chat instead.",
            "",
        ]
    if about.examples:
        shown = "\n\n".join(_example(number, demo) for number, demo in enumerate(about.examples, 1))
        lines += [
            "## Examples that belong to it",
            "",
            "Paste them below the prompt. It was measured with them as earlier turns of the conversation; "
            "in one text they may work a little differently.",
            "",
            fenced(shown),
            "",
        ]
    lines += _rules_section(about)
    lines += [
        "## How well it works",
        "",
        *_bullets(about.figures),
        "- Measured through a model's interface for programs. ChatGPT adds instructions of its own and may "
        "use another model: try it on cases of yours first.",
    ]
    return _text(lines)


def _slack(about: Subject) -> str:
    text = about.prompt.text
    lines = [f"*{slack(about.title)}*"]
    lines += [f"_{SIMULATED}_"] if about.simulated else []
    lines += [slack(about.purpose)] if about.purpose and about.purpose != about.title else []
    lines += ["", "*The prompt*", slack_block(text)]
    if text != parted(text):
        lines.append(
            "_Backticks in it have invisible spaces between them: copy it from the ChatGPT template._"
        )
    if about.variables:
        lines += ["", "*Replace before you send it*", *(f"• {{{slack(name)}}}" for name in about.variables)]
    else:
        lines += ["", f"Send the prompt first, then {slack(_plain_inputs(about))}."]
    if about.examples:
        lines += ["", "*An example*", slack_block(_example(1, about.examples[0]))]
    if about.rules:
        lines += ["", "*Every answer*", *(f"• {slack(_rule(rule))}" for rule in about.rules)]
    if about.context.compliance:
        lines += ["", "*Compliance*", *(f"• {slack(note)}" for note in about.context.compliance)]
    lines += ["", "*How well it works*", *(f"• {slack(figure)}" for figure in about.figures)]
    return _text(lines)


def _email(about: Subject) -> str:
    """Plain text, in which nothing can be markup; a line that is in no text around it ends the prompt."""
    title, text = sanitize(about.title), sanitize(about.prompt.text)
    cut = "-" * (2 + max((len(run) for run in re.findall(r"-+", text)), default=8))
    lines = [f"Subject: A tested prompt for our work: {title}", "", "Hello,", ""]
    lines += [f"Simulated: its figures come from {SIMULATED}.", ""] if about.simulated else []
    what = one_line(about.purpose) if about.purpose else title
    lines += ["from now on we use the same prompt for this:", "", f"    {what}", ""]
    if about.variables:
        marks = ", ".join(f"{{{one_line(name)}}}" for name in about.variables)
        lines += [f"Copy all that is between the two lines, put your own text in the place of {marks}, "
                  "and send it."]  # fmt: skip
    else:
        lines += [
            f"Copy all that is between the two lines into a new chat, then send {_plain_inputs(about)}."
        ]
    lines += ["", f"{cut} from here", text, f"{cut} to here", ""]
    if about.examples:
        shown = sanitize(_example(1, about.examples[0]))
        lines += ["For example:", "", *(f"    {line}" for line in shown.splitlines()), ""]
    if about.rules:
        lines += ["Every answer:", *(f"  * {one_line(_rule(rule))}" for rule in about.rules), ""]
    if about.context.compliance:
        lines += ["Compliance:", *(f"  * {one_line(note)}" for note in about.context.compliance), ""]
    lines += ["How well it works:", *(f"  * {one_line(figure)}" for figure in about.figures), ""]
    lines += ["What it gets wrong at times:"]
    known = [f"  * {one_line(failure)}" for failure in about.failures]
    lines += known or ["  * Nothing is recorded, which is not the same as nothing. Read every answer."]
    lines += [
        "",
        "An answer that is wrong helps us: send it to the owner of the prompt, with what you gave.",
        "",
    ]
    return _text([*lines, "Kind regards"])


def _card(about: Subject) -> str:
    lines = [f"# {inline(about.title)}: reference card", "", *_simulated(about)]
    lines += [f"**What it does:** {inline(about.purpose)}", ""] if about.purpose else []
    lines += [f"**You give:** {_marks(about) if about.variables else _inputs(about)}", ""]
    lines += [f"**{label}:** {inline(text)}\n" for label, text in _business(about)]
    lines += _rules_section(about)
    if about.examples:
        lines += ["## Example", "", fenced(_example(1, about.examples[0])), ""]
    lines += ["## How well it works", "", *_bullets(about.figures)]
    return _text(lines)


def _guide(about: Subject) -> str:
    lines = [f"# {inline(about.title)}: training guide", "", *_simulated(about), "## 1. What it is for", ""]
    lines += [
        inline(about.purpose) if about.purpose else "Its owner has not said; read the prompt in part 3.",
        "",
    ]
    lines += [f"- {label}: {inline(text)}" for label, text in _business(about)]
    lines += ["", "## 2. How to use it", ""]
    given = _marks(about) if about.variables else _inputs(about)
    lines += _numbered(
        [
            "Take the prompt as it stands. What was measured is this wording; changed, it is another one.",
            f"Give it {given}.",
            "Read the answer to the end, and hold it against part 5.",
            "If it breaks a rule, do not mend the prompt by yourself: send input and answer to its owner.",
        ]
    )
    lines += ["", "## 3. The prompt", "", fenced(about.prompt.text), "", "## 4. Worked examples", ""]
    for number, demo in enumerate(about.examples[:_SHOWN], 1):
        lines += [fenced(_example(number, demo)), ""]
    if len(about.examples) > _SHOWN:
        lines += [f"{len(about.examples) - _SHOWN} more are in the ChatGPT template.", ""]
    if not about.examples:
        lines += ["The prompt has none. Collect three good answers of your own in the exercises.", ""]
    lines += ["## 5. Before you use an answer", "", *_checklist(about), ""]
    lines += ["## 6. What it still gets wrong", "", *_weak(about), "", "## 7. Exercises", ""]
    lines += _numbered(_exercises(about))
    lines += [
        "",
        "## 8. How well it works, and what that means",
        "",
        *_bullets(about.figures),
        *_meaning(about),
    ]
    return _text(lines)


def _exercises(about: Subject) -> list[str]:
    tasks: list[str] = []
    if about.examples:
        tasks.append(
            "Cover the output of the first example, write your own, and compare: what does the example do "
            "that yours does not?"
        )
    given = _marks(about) if about.variables else _inputs(about)
    tasks.append(
        f"Take three cases from your last week's work, give the prompt {given} of each, and mark the answers."
    )
    tasks += [
        f"Find an input for which it is hard to keep this rule: {inline(rule.description)}."
        for rule in about.rules[:_SHOWN]
    ]
    tasks += [
        f"It is known to fail like this: {inline(failure)}. Find such a case, and say how you would notice."
        for failure in about.failures[:1]
    ]
    return [
        *tasks,
        "Swap two answers with a colleague, and mark each other's without looking at the first marks.",
    ]


def _checklist(about: Subject) -> list[str]:
    lines = [f"- [ ] {inline(_rule(rule))}" for rule in about.rules]
    lines += [
        f"- [ ] {inline(note)} (told to the model; nobody checked it)" for note in about.context.compliance
    ]
    return [*lines, "- [ ] Every fact in it is in your input, or you have looked it up."]


def _weak(about: Subject) -> list[str]:
    if about.failures:
        simulated = f" ({SIMULATED})" if about.simulated else ""
        return [f"Seen while it was optimized{simulated}:", "", *_bullets(about.failures)]
    return ["Nothing is recorded. That is not the same as nothing."]


def _meaning(about: Subject) -> list[str]:
    return [
        "- An interval says where the score on many more cases like these would lie, with 95 % confidence. "
        "If yours are of another kind, it says little.",
        '- "Not distinguishable" means that the cases did not show a difference, not that there is none.',
    ]


def _rules_section(about: Subject) -> list[str]:
    lines: list[str] = []
    if about.rules:
        lines += ["## Rules for every answer", "", *_bullets([_rule(rule) for rule in about.rules]), ""]
    if about.context.compliance:
        lines += ["## Compliance", "", "Told to the model, and checked by nobody: look yourself.", ""]
        lines += [*_bullets(about.context.compliance), ""]
    return lines


def _rule(rule: Rule) -> str:
    return f"{rule.description} ({rule.kept})" if rule.kept else rule.description


def _business(about: Subject) -> list[tuple[str, str]]:
    context = about.context
    told = [("Company", context.company), ("Written for", context.audience), ("Tone", context.tone)]
    return [(label, text) for label, text in told if text]


def _marks(about: Subject) -> str:
    return ", ".join(
        f"`{{{name}}}`" if name.isidentifier() else inline(f"{{{name}}}") for name in about.variables
    )


def _inputs(about: Subject) -> str:
    return inline(_plain_inputs(about))


def _plain_inputs(about: Subject) -> str:
    if len(about.columns) == 1:
        return f"your {about.columns[0]}"
    return f"lines of name and text for {', '.join(about.columns)}"


def _example(number: int, demo: Example) -> str:
    return f"Example {number}\nInput:\n{demo.input_text}\nOutput:\n{demo.expected or ''}"


def _simulated(about: Subject) -> list[str]:
    return [f"**Simulated.** Its figures come from {SIMULATED}.", ""] if about.simulated else []


def _bullets(lines: Sequence[str]) -> list[str]:
    return [f"- {inline(line)}" for line in lines]


def _numbered(steps: Sequence[str]) -> list[str]:
    return [f"{number}. {step}" for number, step in enumerate(steps, 1)]


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"
