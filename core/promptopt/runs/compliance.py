"""What a run would send of personal data and secrets, told before it sends anything."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from promptopt.domain.compliance import STRICTNESS, Action, Policy, is_local
from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import SettingsError
from promptopt.domain.pii.finding import WORDS, Finding, Kind, in_words
from promptopt.domain.pii.looking import looker, refuse_missing
from promptopt.domain.settings import ProjectSettings

MOST_PLACES = 8
"""Places that a message names."""

MOST_CASES = 2_000
"""Cases that are looked through where nothing depends on it but a warning."""


@dataclass(frozen=True)
class Spot:
    """Where a value stands, and never the value.

    Attributes:
        where: ``prompt``, ``task.description``, ``case t004, expected``.
        case_id: empty if it is in no case.
    """

    where: str
    case_id: str
    found: Finding

    def __str__(self) -> str:
        return f"{self.where}: {WORDS[self.found.kind][0]} at characters {self.found.start}–{self.found.end}"


@dataclass(frozen=True)
class Examination:
    """What stands in the texts of a run.

    Attributes:
        spots: values to which the policy does something, or under ``allow`` would do.
        cases: how many were looked through, of ``of``.
    """

    policy: Policy
    spots: tuple[Spot, ...]
    cases: int
    of: int

    def counts(self, *actions: Action) -> dict[Kind, int]:
        """Values by kind, of the kinds to which one of these happens."""
        found: list[Kind] = [spot.found.kind for spot in self.spots]
        counts: Counter[Kind] = Counter(
            kind for kind in found if not actions or self.policy.action(kind) in actions
        )
        return dict(counts)

    def in_words(self, action: Action) -> str:
        """What happens to what was found, in words; empty if nothing was."""
        counts = self.counts(action)
        if not counts:
            return ""
        cases = {
            spot.case_id
            for spot in self.spots
            if spot.case_id and self.policy.action(spot.found.kind) == action
        }
        part = f" (of {self.cases:,} cases that were looked through)" if self.cases < self.of else ""
        where = f" in {len(cases):,} case{'s' * (len(cases) != 1)}{part}" if cases else ""
        fate = {
            "allow": 'go to the models as they are: [compliance] pii = "redact" sends placeholders',
            "redact": "are sent as placeholders",
            "block": "keep it from being sent",
        }[action]
        return f"{in_words(counts)}{where} {fate}"

    def as_json(self) -> dict[str, Any]:
        """JSON values: counts, and the places."""
        return {
            "counts": self.counts(),
            "actions": {kind: self.policy.action(kind) for kind in self.counts()},
            "cases_looked_through": self.cases,
            "places": [
                {
                    "where": spot.where,
                    "case_id": spot.case_id,
                    "kind": spot.found.kind,
                    "start": spot.found.start,
                    "end": spot.found.end,
                    "confidence": spot.found.confidence,
                }
                for spot in self.spots
            ],
        }


def examine(
    settings: ProjectSettings, dataset: Dataset, *actions: Action, most_cases: int | None = None
) -> Examination:
    """Look through the texts that a run is made of.

    Args:
        actions: look for the kinds to which one of these happens; all kinds if none is given.
        most_cases: look through so many; None: all.
    """
    policy = settings.compliance.policy()
    kinds = policy.kinds(*(actions or STRICTNESS))
    cases = [*dataset.cases()]
    seen = cases if most_cases is None else [*islice(cases, most_cases)]
    spots: list[Spot] = []
    if kinds:
        look = looker(policy, kinds)
        for where, case_id, text in _texts(settings, seen):
            spots += [Spot(where, case_id, found) for found in look(text)]
    return Examination(policy, tuple(spots), len(seen), len(cases))


def refuse_blocked(settings: ProjectSettings, dataset: Dataset, where: str = "") -> None:
    """Refuse a run that could not send what it is made of.

    Raises:
        SettingsError: names kinds and places of what its policy blocks, never a value; or a detector that it
            asks for is not there.
    """
    refuse_missing(settings.compliance.policy())
    found = examine(settings, dataset, "block")
    counts = found.counts("block")
    if not counts:
        return
    shown = [str(spot) for spot in found.spots[:MOST_PLACES]]
    more = len(found.spots) - len(shown)
    told = "; ".join([*shown, *([f"and {more} more"] if more else [])])
    setting = "secrets" if set(counts) == {"secret"} else "pii"
    raise SettingsError(
        f'compliance.{setting} = "block" lets none of these out: {in_words(counts)}. {told}',
        where=where,
        fix=f'take them out, or say [compliance] {setting} = "redact" to send placeholders '
        f"(promptopt check PROJECT lists all places)",
    )


def warnings(settings: ProjectSettings, dataset: Dataset) -> list[str]:
    """What there is to know of the data before a run sends any of it, in words."""
    policy = settings.compliance.policy()
    if (
        policy.local
        and settings.models
        and all(is_local(model.base_url) for _, _, model in settings.every_model())
    ):
        return []
    most = MOST_CASES if policy.pii == "allow" else None
    found = examine(settings, dataset, "allow", "redact", most_cases=most)
    actions: tuple[Action, ...] = ("allow", "redact")
    return [said for action in actions if (said := found.in_words(action))]


def _texts(settings: ProjectSettings, cases: Iterable[Any]) -> Iterator[tuple[str, str, str]]:
    """Where each text stands, the id of its case, and the text."""
    yield "prompt", "", settings.prompt
    if settings.task.description != settings.prompt:
        yield "task.description", "", settings.task.description
    for number, demo in enumerate(settings.demonstrations, 1):
        for name, text in demo.inputs.items():
            yield f"demonstrations[{number}], {name}", "", text
        yield f"demonstrations[{number}], output", "", demo.output
    for rule in settings.task.constraints:
        yield f"task.constraints, {rule.name}", "", rule.description
    for case in cases:
        for name, text in case.inputs.items():
            yield f"case {case.id}, {name}", case.id, text
        if case.expected:
            yield f"case {case.id}, expected", case.id, case.expected
