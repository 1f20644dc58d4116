"""What a project says of personal data, secrets, and how long its texts are kept."""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from promptopt.domain.pii.finding import KINDS, Finding, Kind
from promptopt.domain.text import one_line

Action = Literal["allow", "redact", "block"]

STRICTNESS: tuple[Action, ...] = ("allow", "redact", "block")

CERTAIN = 0.9
"""Confidence of what is blocked where nobody has asked for it: keys in a vendor's form, private keys."""

LEAST = 0.5
"""Confidence of what a policy that somebody chose holds for."""


@dataclass(frozen=True)
class Profile:
    """What a named profile asks at least.

    Attributes:
        retention_days: days that texts of runs are kept; None: for ever.
        about: what it rests on, and what it leaves to people.
    """

    pii: Action
    secrets: Action
    audit: bool
    retention_days: int | None
    about: str


PROFILES: dict[str, Profile] = {
    "gdpr": Profile(
        pii="redact",
        secrets="block",
        audit=True,
        retention_days=90,
        about="data minimisation and storage limitation (Art. 5(1)(c) and (e)), security (Art. 32) and a "
        "record of what was sent where (Art. 30)",
    ),
    "soc2": Profile(
        pii="redact",
        secrets="block",
        audit=True,
        retention_days=365,
        about="confidential information is protected and disposed of (C1.1, C1.2), access to keys is "
        "restricted (CC6.1), and activity is recorded (CC7.2)",
    ),
}
"""The profiles that can be kept by what this program does. Their days are a choice, no law names any."""

_ALSO = {
    "dsgvo": "gdpr",
    "eugdpr": "gdpr",
    "ukgdpr": "gdpr",
    "soc2typei": "soc2",
    "soc2typeii": "soc2",
    "soc2type1": "soc2",
    "soc2type2": "soc2",
}
"""Other names of what a profile is about."""


def profile_named(name: str) -> str:
    """The profile that a norm's name means, however it is written (``SOC 2``, ``DSGVO``); empty: none."""
    plain = re.sub(r"[\W_]+", "", name.casefold())
    plain = _ALSO.get(plain, plain)
    return plain if plain in PROFILES else ""


class ComplianceSettings(BaseModel):
    """What may be sent to models, what is written down of it, and how long a run's texts are kept.

    Attributes:
        pii: what happens to personal data in what is sent: ``allow``, ``redact`` or ``block``. None: as the
            profile says; without one ``allow``.
        secrets: the same for keys and passwords. None: as the profile says; without one keys in a vendor's
            form and private keys are blocked, and nothing else is looked for.
        profile: named settings that hold at least: ``gdpr``, ``soc2``; of several the stricter.
        leave_out: kinds of personal data that are nobody's here, and are sent as they are.
        names: exact names to find wherever they stand; others are found by what introduces them.
        public: exact values that may be sent: an address of the company, say, or ``@acme.com`` for all of it.
        recorded: norms that somebody named and that no profile covers: reports and the audit log name them,
            and nothing is done for them.
        languages: whose greetings and titles tell of names.
        detectors: further ones beside our own patterns: ``presidio`` finds identity numbers of many countries
            (it needs ``pip install 'promptopt[pii]'``).
        local: ``allow`` lets models on this machine or in a private network have everything.
        retention_days: inputs, prompts and answers of runs are removed after so many days. None: as the
            profile says; without one they are kept.
        audit: write down each call: who, what run, where, how much, what was found. None: as the profile
            says; without one no.
    """

    model_config = ConfigDict(extra="forbid")

    pii: Action | None = None
    secrets: Action | None = None
    profile: list[str] = Field(default_factory=list[str])
    leave_out: list[Kind] = Field(default_factory=list[Kind])
    names: list[str] = Field(default_factory=list[str])
    public: list[str] = Field(default_factory=list[str])
    recorded: list[str] = Field(default_factory=list[str])
    languages: list[Literal["en", "de"]] = ["en", "de"]
    detectors: list[Literal["presidio"]] = Field(default_factory=list[Literal["presidio"]])
    local: Literal["same", "allow"] = "same"
    retention_days: int | None = Field(default=None, ge=1)
    audit: bool | None = None

    @field_validator("profile", mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list):
            return listed
        names = cast("list[Any]", listed)
        return [
            profile_named(name) or name.strip().lower() if isinstance(name, str) else name for name in names
        ]

    @field_validator("profile")
    @classmethod
    def _known(cls, given: list[str]) -> list[str]:
        for name in given:
            if name not in PROFILES:
                raise ValueError(f"there is no profile {name!r}; there are: {', '.join(PROFILES)}")
        return list(dict.fromkeys(given))

    @model_validator(mode="after")
    def _not_less_than_the_profile(self) -> "ComplianceSettings":
        for name in self.profile:
            wanted = PROFILES[name]
            for key in ("pii", "secrets"):
                said, least = getattr(self, key), getattr(wanted, key)
                if said and STRICTNESS.index(said) < STRICTNESS.index(least):
                    raise ValueError(
                        f"{key} = {said!r} is less than the profile {name} asks, which is {least!r}: "
                        "leave one of them out"
                    )
            if wanted.audit and self.audit is False:
                raise ValueError(f"audit = false is less than the profile {name} asks: leave one of them out")
        return self

    def policy(self) -> "Policy":
        """What holds, with profiles and defaults filled in."""
        profiles = [PROFILES[name] for name in self.profile]
        days = [profile.retention_days for profile in profiles if profile.retention_days]
        return Policy(
            pii=self.pii or _strictest([profile.pii for profile in profiles], "allow"),
            secrets=self.secrets or _strictest([profile.secrets for profile in profiles], "block"),
            chosen=bool(self.secrets or profiles),
            leave_out=frozenset(self.leave_out),
            names=tuple(self.names),
            public=tuple(value.strip().casefold() for value in self.public if value.strip()),
            languages=tuple(self.languages),
            detectors=tuple(self.detectors),
            local=self.local == "allow",
            retention_days=self.retention_days or (min(days) if days else None),
            audit=any(profile.audit for profile in profiles) if self.audit is None else self.audit,
            profiles=tuple(self.profile),
            recorded=tuple(self.recorded),
        )

    def with_norms(self, names: Iterable[str]) -> "ComplianceSettings":
        """These settings, held to norms as well, by the names that an organization gives them.

        A profile that is meant holds at least: where these settings ask less, they give way. Names that no
        profile covers are recorded.
        """
        profiles, recorded = dict.fromkeys(self.profile), dict.fromkeys(self.recorded)
        for name in names:
            meant = profile_named(name)
            if meant:
                profiles[meant] = None
            elif name.strip():
                recorded[one_line(name, 200)] = None
        said = self.model_dump(mode="json", exclude_unset=True)
        for name in profiles:
            said = _giving_way(said, PROFILES[name])
        if profiles:
            said["profile"] = list(profiles)
        if recorded:
            said["recorded"] = list(recorded)
        return ComplianceSettings.model_validate(said)


@dataclass(frozen=True)
class Policy:
    """What holds for every call of a run; see :class:`ComplianceSettings`.

    Attributes:
        chosen: somebody said what happens to secrets; if not, only certain ones are blocked.
        public: in lower case.
        local: models on this machine or in a private network may have everything.
        recorded: norms that were named and that nothing is done for.
    """

    pii: Action = "allow"
    secrets: Action = "block"
    chosen: bool = False
    leave_out: frozenset[Kind] = frozenset()
    names: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en", "de")
    detectors: tuple[str, ...] = ()
    local: bool = False
    retention_days: int | None = None
    audit: bool = False
    profiles: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()

    def action(self, kind: Kind) -> Action:
        """What happens to values of a kind."""
        if kind in self.leave_out:
            return "allow"
        return self.secrets if kind == "secret" else self.pii

    def kinds(self, *actions: Action) -> tuple[Kind, ...]:
        """The kinds to which one of these happens."""
        return tuple(kind for kind in KINDS if self.action(kind) in actions)

    def counts(self, found: Finding) -> bool:
        """Whether it is sure enough for what happens to its kind."""
        if found.kind == "secret" and self.secrets == "block" and not self.chosen:
            return found.confidence >= CERTAIN
        return found.confidence >= LEAST

    def is_public(self, value: str) -> bool:
        """Whether a value may be sent all the same."""
        plain = value.casefold()
        return any(plain == each or (each[0] == "@" and plain.endswith(each)) for each in self.public)


def is_local(base_url: str | None) -> bool:
    """Whether an endpoint is on this machine or in a private network, by its address alone."""
    try:
        host = (urlsplit(base_url or "").hostname or "").lower()
        if host == "localhost" or host.endswith(".localhost"):
            return True
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_link_local


def _giving_way(said: dict[str, Any], profile: Profile) -> dict[str, Any]:
    """The same without what is less than a profile asks."""
    weaker = [
        key
        for key in ("pii", "secrets")
        if said.get(key) and STRICTNESS.index(said[key]) < STRICTNESS.index(getattr(profile, key))
    ]
    if profile.audit and said.get("audit") is False:
        weaker.append("audit")
    kept = {key: value for key, value in said.items() if key not in weaker}
    if kept.get("retention_days") and profile.retention_days:
        kept["retention_days"] = min(kept["retention_days"], profile.retention_days)
    return kept


def _strictest(asked: list[Action], otherwise: Action) -> Action:
    return STRICTNESS[max(map(STRICTNESS.index, asked))] if asked else otherwise


def said(policy: Policy) -> Mapping[str, Any]:
    """A policy as reports tell it: JSON values."""
    return {
        "pii": policy.pii,
        "secrets": policy.secrets if policy.chosen else "block (keys in a vendor's form)",
        "profiles": list(policy.profiles),
        "leave_out": sorted(policy.leave_out),
        "local": "allow" if policy.local else "same",
        "retention_days": policy.retention_days,
        "audit": policy.audit,
        **({"detectors": list(policy.detectors)} if policy.detectors else {}),
        **({"recorded": list(policy.recorded)} if policy.recorded else {}),
    }
