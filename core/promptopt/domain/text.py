"""The one place where text from models, files and people is made safe to show.

Everything that a model or a file says is data. Terminals act on control characters (an OSC 52 sequence
sets the clipboard), so no face may print such text before it went through :func:`sanitize`.
"""

import re

# C0 without tab and newline, DEL, C1, bidirectional and other invisible format controls (joiners too:
# terminals disagree on the width of what they join), and lone surrogates, which no encoding can carry.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def sanitize(text: str, limit: int | None = None) -> str:
    """Return ``text`` with every character that a terminal could act on made visible.

    Args:
        text: anything from a model, a file or a person.
        limit: the most characters to keep; a longer text is cut and ends in ``…``.

    Returns:
        Text without control characters but tab and newline. C0 controls appear as their Unicode pictures
        (``ESC`` as ``␛``), the rest as ``�``. A carriage return before a newline is dropped.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(0, limit - 1)] + "…"
    if text.isprintable():
        return text
    return _UNSAFE.sub(_picture, text.replace("\r\n", "\n"))


def storable(text: str) -> str:
    """Return ``text`` with surrogate pairs joined and what a store can't keep as ``�``.

    That is lone surrogates, which no encoding can carry, and NUL, which PostgreSQL refuses. JSON escapes of a
    model or a provider can bring them in (``"\\ud83d"``).
    """
    text = text.replace("\0", "\ufffd")
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def half_character(text: str) -> str:
    """That ``text`` holds a lone surrogate, and which, in words; empty if it holds none."""
    if text.isascii():
        return ""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        return f"holds half a character (the lone surrogate U+{ord(text[error.start]):04X})"
    return ""


def one_line(text: str, limit: int | None = None) -> str:
    """Return :func:`sanitize` of ``text`` with each run of white space as one space, for a table cell."""
    if limit is not None:
        text = text[: limit * 4]
    return sanitize(" ".join(text.split()), limit)


def _picture(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(0x2400 + code)
    return "␡" if code == 0x7F else "\ufffd"
