"""Text from prompts, models and people, put into Slack's mrkdwn as data."""

import re

from promptopt.domain.text import one_line, sanitize

_BROADCAST = re.compile(r"@(?=(?:here|channel|everyone)\b)", re.IGNORECASE)
_BREAK = "\u200b"


def slack(text: str) -> str:
    """A text as part of a line of mrkdwn: no link, no mention, nobody is called."""
    return _BROADCAST.sub(f"@{_BREAK}", _escaped(one_line(text)))


def slack_block(text: str) -> str:
    """A text as a block of mrkdwn. Three backticks in it would end the block: they are parted unseen."""
    return f"```\n{_escaped(parted(sanitize(text)))}\n```"


def parted(text: str) -> str:
    """``text`` without three backticks in a row: invisible spaces stand between them."""
    return re.sub(r"`{3,}", lambda match: _BREAK.join(match[0]), text)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
