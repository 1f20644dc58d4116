"""The simulated optimizer model does as people ask: it writes what must stand in a prompt, and no more."""

import re

from promptopt.domain.guidance import GIVEN, Form
from promptopt.models.simulator.edits import insert

_BLOCK = re.compile(r"<guidance>\n(.*?)\n</guidance>", re.DOTALL)


def heeding(prompt: str, request: str) -> str:
    """A prompt as the last guidance in a request asks."""
    blocks = _BLOCK.findall(request)
    for line in f"\n{blocks[-1]}".split("\n- ")[1:] if blocks else ():
        keep, avoid = _text(line, "keep"), _text(line, "avoid")
        if keep and keep not in prompt:
            prompt = insert(prompt, keep)
        if avoid:
            prompt = re.sub(r"\s+".join(map(re.escape, avoid.split())), "", prompt, flags=re.IGNORECASE)
    return prompt


def _text(line: str, form: Form) -> str:
    """The text of a demand of a form; empty if it is of another one."""
    before, _, _ = GIVEN[form].partition("{}")
    return line.removeprefix(before).strip() if line.startswith(before) else ""
