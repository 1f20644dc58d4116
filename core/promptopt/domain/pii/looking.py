"""Looking as a project wants it."""

from collections.abc import Callable, Collection

from promptopt.domain.compliance import Policy
from promptopt.domain.pii.find import find_pii
from promptopt.domain.pii.finding import Finding, Kind


def looker(policy: Policy, kinds: Collection[Kind]) -> Callable[[str], list[Finding]]:
    """What finds values of these kinds that are sure enough for a policy, and that it has not made public."""

    def look(text: str) -> list[Finding]:
        found = find_pii(text, policy.languages, kinds=kinds, names=policy.names)
        return [
            each
            for each in found
            if policy.counts(each) and not (policy.public and policy.is_public(text[each.start : each.end]))
        ]

    return look
