"""Compliance settings by name, and a look at data and prompts before they are used.

This is a front: what is found is found by ``promptopt.domain.pii``, what is kept from the models is kept at
the gateway, by the ``[compliance]`` table that a profile gives.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from promptopt.domain.compliance import PROFILES, Action, ComplianceSettings, Policy, profile_named
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.pii.finding import WORDS, Kind, in_words
from promptopt.domain.pii.looking import looker
from promptopt.domain.prompt import Prompt

COVERS = (
    "what is sent to models, of every role, is looked through by patterns, checksums and context",
    "keys and passwords are kept back; personal data is sent as placeholders or not at all",
    "requests are taken down with kinds and numbers, never with texts, in a log chained by hashes",
    "texts of old runs and proofs of concept are removed from the data directory",
)

COVERS_NOT = (
    "this is no legal advice, and no certification",
    "names that nothing introduces, other languages than English and German, and pictures are not found",
    "contracts with providers (data processing agreements, places of processing, training on your data)",
    "a lawful basis, information of data subjects, and their requests for access or erasure",
    "your own files, exported prompts, deployed prompts, and what a provider has kept already",
    "who may use this machine and its data directory, its backups, and the encryption of its disk",
)


_FATES: dict[Action, str] = {
    "allow": "sent as it is",
    "redact": "sent as placeholders",
    "block": "not sent",
}


def terms(settings: ComplianceSettings) -> list[str]:
    """What settings hold to, a line each, and last which norms were named and nothing is done for."""
    policy = settings.policy()
    lines: list[str] = []
    if policy.profiles:
        said = [f"personal data is {_FATES[policy.pii]}", f"keys and passwords are {_FATES[policy.secrets]}"]
        said += ["each request is taken down in the audit log"] if policy.audit else []
        if policy.retention_days:
            said.append(f"texts of runs are removed after {policy.retention_days} days")
        lines.append(f"{', '.join(name.upper() for name in policy.profiles)}: {', '.join(said)}")
    return [*lines, *(f"{name}: {NOT_COVERED}" for name in policy.recorded)]


NOT_COVERED = "told to the models as a note; no profile covers it, so nothing else is done for it"


class ComplianceProfile:
    """Settings that hold at least, under one or several names; of several the stricter.

    Args:
        names: ``GDPR``, ``SOC2``, in any case, as in an enterprise configuration.

    Raises:
        SettingsError: there is no such profile: only those are offered that the program can keep.
    """

    def __init__(self, *names: str) -> None:
        plain = [profile_named(name) for name in names]
        unknown = [name for name, each in zip(names, plain, strict=True) if not each]
        if unknown:
            offered = ", ".join(name.upper() for name in PROFILES)
            raise SettingsError(
                f"there is no compliance profile {unknown[0]!r}",
                where="promptopt.enterprise.compliance",
                fix=f"there are: {offered}; for others, say pii, secrets, audit and retention_days yourself",
            )
        self.names = tuple(dict.fromkeys(plain))

    @property
    def settings(self) -> ComplianceSettings:
        """The table ``[compliance]`` of a project file."""
        return ComplianceSettings(profile=list(self.names))

    @property
    def policy(self) -> Policy:
        """What holds."""
        return self.settings.policy()

    @property
    def about(self) -> dict[str, str]:
        """What each profile rests on."""
        return {name: PROFILES[name].about for name in self.names}

    def __repr__(self) -> str:
        return f"ComplianceProfile({', '.join(repr(name.upper()) for name in self.names)})"


@dataclass(frozen=True)
class ComplianceReport:
    """What a look has found. It holds places and kinds, never a value.

    Attributes:
        passed: nothing was found that the policy keeps back.
        counts: values by kind.
        places: case id (empty: the prompt), where in it, kind, and the characters from and to.
        action: what happens to each kind: ``allow``, ``redact``, ``block``.
        covers, covers_not: what the policy sees to, and what it leaves to people.
    """

    passed: bool
    counts: Mapping[Kind, int]
    places: tuple[tuple[str, str, Kind, int, int], ...]
    action: Mapping[Kind, str]
    covers: tuple[str, ...] = field(default=COVERS, repr=False)
    covers_not: tuple[str, ...] = field(default=COVERS_NOT, repr=False)

    def __str__(self) -> str:
        found = in_words(dict(self.counts)) or "nothing personal or secret"
        lines = [f"found: {found}"]
        for case_id, where, kind, start, end in self.places[:20]:
            place = f"case {case_id}, {where}" if case_id else where
            lines.append(f"  {place}: {WORDS[kind][0]} at characters {start}–{end}: {self.action[kind]}")
        if len(self.places) > 20:
            lines.append(f"  and {len(self.places) - 20:,} more")
        lines += ["covered:", *(f"  - {line}" for line in self.covers)]
        lines += ["not covered:", *(f"  - {line}" for line in self.covers_not)]
        return "\n".join(lines)


class ComplianceChecker:
    """Looks through cases and prompts as a policy wants it. Nothing is sent.

    Args:
        profile: names of profiles, a profile, or settings as in ``[compliance]``; default: GDPR.
    """

    def __init__(
        self, profile: "ComplianceProfile | ComplianceSettings | Mapping[str, Any] | str" = "GDPR"
    ) -> None:
        if isinstance(profile, str):
            profile = ComplianceProfile(profile)
        if isinstance(profile, ComplianceProfile):
            profile = profile.settings
        self.settings = ComplianceSettings.model_validate(profile)
        self.policy = self.settings.policy()

    def check_dataset(self, dataset: Dataset | Iterable[Example | Mapping[str, Any]]) -> ComplianceReport:
        """What stands in cases, in inputs and expected outputs."""
        cases = dataset.cases() if isinstance(dataset, Dataset) else dataset
        return self._report(text for number, case in enumerate(cases, 1) for text in _texts(case, number))

    def check_prompt(self, prompt: Prompt | str) -> ComplianceReport:
        """What stands in a prompt and its demonstrations."""
        if isinstance(prompt, str):
            return self._report([("", "prompt", prompt)])
        shown = [
            ("", f"demonstration {number}", text)
            for number, demo in enumerate(prompt.demonstrations, 1)
            for text in (*demo.inputs.values(), demo.expected or "")
        ]
        return self._report([("", "prompt", prompt.text), *shown])

    def _report(self, texts: Iterable[tuple[str, str, str]]) -> ComplianceReport:
        look = looker(self.policy, self.policy.kinds("allow", "redact", "block"))
        places: tuple[tuple[str, str, Kind, int, int], ...] = tuple(
            (case_id, where, found.kind, found.start, found.end)
            for case_id, where, text in texts
            for found in look(text)
        )
        counts: Counter[Kind] = Counter(place[2] for place in places)
        action: dict[Kind, str] = {kind: self.policy.action(kind) for kind in counts}
        return ComplianceReport(
            passed="block" not in action.values() and "redact" not in action.values(),
            counts=dict(counts),
            places=places,
            action=action,
        )


def _texts(case: Example | Mapping[str, Any], number: int) -> Iterable[tuple[str, str, str]]:
    if isinstance(case, Example):
        yield from ((case.id, name, text) for name, text in case.inputs.items())
        yield case.id, "expected", case.expected or ""
        return
    name = str(case.get("id", number))
    yield from ((name, str(key), value) for key, value in case.items() if isinstance(value, str))
