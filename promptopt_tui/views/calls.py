"""One model call in full: what was sent, what came back, what it took."""

import json
from typing import Any

from promptopt.domain.text import one_line
from promptopt.store.trace import TracedCall, messages_of
from promptopt_tui import formatting as fm
from promptopt_tui.formatting import Look
from promptopt_tui.paint import Line, cut, text_lines, width_of, wrap

LOOKS: dict[str, Look] = {
    "answered": ("✓", "answered", "good"),
    "reused": ("↺", "reused", "muted"),
    "waiting": ("…", "waiting", "accent"),
    "failed": ("✗", "failed", "bad"),
    "refused": ("!", "refused", "warn"),
    "lost": ("?", "lost", "bad"),
}
"""Of what became of a call."""

LONGEST = 40_000
"""Characters of one text that are shown."""

_BESIDE = ("messages", "text", "model")
"""Keys of a request that are told elsewhere."""


def look(call: TracedCall) -> Look:
    """How a call's outcome looks."""
    name = "reused" if call.reused_from else call.status
    return LOOKS.get(name, ("·", name, "muted"))


def call_lines(call: TracedCall, width: int, *, loading: bool = False) -> list[Line]:
    """Everything about a call; JSON in it is indented.

    Args:
        loading: what was sent is not there yet.
    """
    lines = [*_head(call, width), []]
    if loading:
        return [*lines, [("loading…", "muted")]]
    request: dict[str, Any] = json.loads(call.request) if call.request else {}
    settings = {
        key: value for key, value in request.items() if key not in _BESIDE and value not in (None, {})
    }
    if settings:
        said = "   ".join(f"{key} {json.dumps(value, ensure_ascii=False)}" for key, value in settings.items())
        lines += [*wrap([(one_line(said, 2000), "muted")], width), []]
    if not call.request:
        why = "What was sent is stored with the first answer to it, and there is none."
        lines += [*wrap([(why, "muted")], width), []]
    for message in messages_of(call):
        lines += [_rule(message["role"], width), *_text(message["content"], width), []]
    if call.answer is not None:
        lines += [_rule("answer", width, "good-bold"), *_text(call.answer, width)]
    elif call.error:
        lines += [_rule("error", width, "bad-bold"), *_text(call.error, width, "bad")]
    elif call.status == "waiting":
        lines.append([("no answer yet", "accent")])
    return lines


def plain_text(call: TracedCall) -> str:
    """The call as it is copied: each part under its name, unshortened."""
    parts = [(message["role"], message["content"]) for message in messages_of(call)]
    parts.append(("answer", call.answer) if call.answer is not None else ("error", call.error))
    return "\n\n".join(f"[{name}]\n{text}" for name, text in parts)


def _head(call: TracedCall, width: int) -> list[Line]:
    glyph, word, style = look(call)
    line: Line = [(f"{glyph} {word}", f"{style}-bold" if style in ("good", "bad", "warn") else style)]
    line += [("   ", ""), (call.role, "accent"), ("   ", ""), (one_line(call.model, 80), "bold")]
    took = [
        f"{fm.date(call.at)} {fm.time_of_day(call.at)}",
        "" if call.seconds is None else f"{call.seconds:.2f} s",
        f"{call.prompt_tokens:,} + {call.completion_tokens:,} tokens"
        if call.prompt_tokens is not None and call.completion_tokens is not None
        else f"at most {call.tokens:,} tokens",
        f"cost {fm.usd(call.usd)}",
    ]
    place = [
        f"case {one_line(call.case_id, 80)}" if call.case_id else "",
        f"path {one_line(call.path, 120)}" if call.path else "",
        f"the same request, time {call.occurrence + 1}" if call.occurrence else "",
        f"paid for by run {call.reused_from}" if call.reused_from else "",
    ]
    lines = wrap(line, width)
    for parts in (took, place):
        said = "   ".join(part for part in parts if part)
        lines += wrap([(said, "muted")], width) if said else []
    return lines


def _rule(name: str, width: int, style: str = "heading") -> Line:
    title: Line = [(f"{one_line(name, 40)} ", style)]
    return cut([*title, ("─" * max(0, width - width_of(title)), "border")], width)


def _text(text: str, width: int, style: str = "") -> list[Line]:
    shown = _indented(text)
    lines = text_lines(shown[:LONGEST] or "(nothing)", width, style)
    if len(shown) > LONGEST:
        lines += wrap([(f"… {len(shown) - LONGEST:,} more characters", "muted")], width)
    return lines


def _indented(text: str) -> str:
    """JSON with indents; any other text as it is."""
    if text.lstrip()[:1] not in ("{", "[") or len(text) > LONGEST:
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
