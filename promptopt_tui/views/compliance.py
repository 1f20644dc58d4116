"""Personal data and secrets: what a run would send of them, and what was kept from its models."""

from collections.abc import Mapping, Sequence
from typing import Any

from promptopt.domain.compliance import Action
from promptopt.domain.pii.finding import WORDS, withheld_in_words
from promptopt.domain.text import one_line
from promptopt_tui import formatting as fm
from promptopt_tui.paint import Line, wrap
from promptopt_tui.views.view import View

FATES: dict[Action, tuple[str, str, str]] = {
    "block": ("✗", "would not be sent", "bad"),
    "allow": ("!", "would be sent as it is", "warn"),
    "redact": ("✓", "would be sent as placeholders", "good"),
}
"""Glyph, words and style of what happens to what was found."""

PLACES = 12
"""Places that are named at most."""


def withheld(view: View, width: int) -> list[Line]:
    """What the project's policy has kept from the models, by kind; nothing if there was none."""
    kept = view.state.withheld
    lines: list[Line] = []
    for label, words in withheld_in_words(kept.redacted, kept.calls, kept.refused):
        lines += wrap([(f"{label}: ", "muted"), (words, "")], width, [("  ", "")])
    return lines


def finding_lines(found: Mapping[str, Any], width: int) -> list[Line]:
    """What stands in prompt and cases, what would happen to it, where it stands, and how to mend it.

    Args:
        found: as ``promptopt check PROJECT --json`` has it under ``compliance``.
    """
    order = list(FATES)
    places: Sequence[Mapping[str, Any]] = sorted(
        found["places"], key=lambda place: order.index(found["actions"][place["kind"]])
    )
    looked = fm.plural(found["cases_looked_through"], "case")
    if not places:
        said = f"nothing personal or secret was found in the prompt and {looked}"
        return wrap([("✓ ", "good"), (said, "")], width, [("  ", "")])
    lines: list[Line] = []
    for action, (glyph, words, style) in FATES.items():
        kinds = [kind for kind, fate in found["actions"].items() if fate == action]
        if not kinds:
            continue
        lines += (
            [[], [(f"{glyph} {words}", f"{style}-bold")]]
            if lines
            else [[(f"{glyph} {words}", f"{style}-bold")]]
        )
        for kind in kinds:
            lines += _kind(found, kind, width)
    where = f"  in the prompt and {looked}; no value is shown"
    lines += [[], *wrap([("where", "heading"), (where, "muted")], width, [("  ", "")])]
    for place in places[:PLACES]:
        kind = WORDS[place["kind"]][0]
        at = f": {kind} at characters {place['start']:,}–{place['end']:,}"
        lines += wrap([("  ", ""), (one_line(place["where"], 80), ""), (at, "muted")], width, [("    ", "")])
    if len(places) > PLACES:
        more = f"  and {len(places) - PLACES:,} more; promptopt check PROJECT --json has all"
        lines += wrap([(more, "muted")], width, [("  ", "")])
    return [*lines, [], [("how to mend it", "heading")], *_mending(found, width)]


def _kind(found: Mapping[str, Any], kind: str, width: int) -> list[Line]:
    count = found["counts"][kind]
    cases = {place["case_id"] for place in found["places"] if place["kind"] == kind and place["case_id"]}
    where = f"  in {fm.plural(len(cases), 'case')}" if cases else "  in the prompt"
    words = WORDS[kind][count != 1]  # type: ignore[index]
    return wrap([(f"{count:7,}  ", "bold"), (words, ""), (where, "muted")], width, [(" " * 9, "")])


def _mending(found: Mapping[str, Any], width: int) -> list[Line]:
    """Ways that are open: what is mended by none of them is not named."""
    fates = found["actions"]
    ways: list[tuple[str, str]] = []
    if any(fates[kind] != "redact" for kind in fates if kind != "secret"):
        ways.append(('pii = "redact"', "sends placeholders, and puts the values back into answers"))
    if fates.get("secret", "redact") != "redact":
        ways.append(('secrets = "redact"', "the same for keys and passwords; or take them out"))
    ways.append(('public = ["…"]', "values that may be sent: an address of the company, @acme.com"))
    ways.append(('leave_out = ["name"]', "kinds that are nobody's here"))
    lines: list[Line] = []
    for setting, means in ways:
        lines += wrap([("  ", ""), (setting, "accent"), (f"  {means}", "muted")], width, [("    ", "")])
    said = "  under [compliance] in the project file, or in its section More"
    return [*lines, *wrap([(said, "muted")], width, [("  ", "")])]
