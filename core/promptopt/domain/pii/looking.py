"""Looking as a project wants it."""

from collections.abc import Callable, Collection

from promptopt.domain.compliance import Policy
from promptopt.domain.errors import SettingsError
from promptopt.domain.pii.find import apart, find_pii
from promptopt.domain.pii.finding import Finding, Kind
from promptopt.domain.pii.folding import fold


def looker(policy: Policy, kinds: Collection[Kind]) -> Callable[[str], list[Finding]]:
    """What finds values of these kinds that are sure enough for a policy, and that it has not made public.

    Raises:
        SettingsError: the policy asks for a detector whose package is not there.
    """
    refuse_missing(policy)
    national = "presidio" in policy.detectors and "national_id" in kinds

    def look(text: str) -> list[Finding]:
        found = find_pii(text, policy.languages, kinds=kinds, names=policy.names, public=policy.public)
        if national:
            found = apart([*found, *_national(text)])
        return [
            each
            for each in found
            if policy.counts(each) and not (policy.public and policy.is_public(text[each.start : each.end]))
        ]

    return look


def refuse_missing(policy: Policy) -> None:
    """Refuse a policy whose detector is not there. The package is imported only once a text is looked at.

    Raises:
        SettingsError: it is not there.
    """
    from promptopt.domain.pii.national import installed

    if "presidio" in policy.detectors and not installed():
        raise SettingsError(
            "the detector presidio needs the package presidio-analyzer, which is not there",
            where="compliance.detectors",
            fix="pip install 'promptopt[pii]'",
        )


def _national(text: str) -> list[Finding]:
    from promptopt.domain.pii.national import find_national_ids

    folded = fold(text)
    return [
        Finding(each.kind, *folded.span(each.start, each.end), each.confidence)
        for each in find_national_ids(folded.text)
    ]
