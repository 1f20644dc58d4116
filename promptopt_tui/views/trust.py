"""What a project would do on this machine, for its owner to look at before it may."""

from collections.abc import Sequence

from promptopt.store.trust import Power
from promptopt_tui.paint import Line, text_lines, wrap

_GUTTER: Line = [("  │ ", "border")]


def trust_lines(where: str, powers: Sequence[Power], around: str, width: int) -> list[Line]:
    """Every power with its place, its content and the hash of that; then what stands around code.

    Args:
        where: the project, or the run.
        around: what stands around code here, in a sentence; empty if there is none.
    """
    code = any(power.is_code for power in powers)
    said = "This would run on your machine" if code else "This would be sent elsewhere"
    lines: list[Line] = text_lines(where, width, "muted")
    lines += wrap([(f"{said}, and nobody has trusted it here yet. Read it first.", "")], width)
    for power in powers:
        lines += [[], *wrap([(power.where, "heading"), (f"  {power.title}", "warn")], width)]
        lines += wrap([("  ", ""), (f"sha256 {power.digest}", "muted")], width, [("  ", "")])
        lines += text_lines(power.shown, width, "", _GUTTER)
    if around:
        lines += [[], *wrap([(around, "muted")], width)]
    return lines
