"""Real cases for a training guide, and what one use of a prompt took; both from a run's own results."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from promptopt.domain.compliance import Policy
from promptopt.domain.dataset import Example
from promptopt.domain.pii.find import find_pii
from promptopt.domain.pii.finding import LABELS
from promptopt.domain.results import CaseResult
from promptopt.domain.text import sanitize
from promptopt.domain.words import Split
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runs import Runs

MOST = 3
"""Cases of a kind."""

LONGEST = 1_200
"""Characters of a text that are shown."""


@dataclass(frozen=True)
class Shown:
    """A case, and what came of it.

    Attributes:
        before, after: output of the prompt before and of the one that is given out; ``before`` is empty if
            there is none.
        why: why the failing one failed, in words.
    """

    case_id: str
    given: str
    expected: str
    before: str
    after: str
    why: str


@dataclass(frozen=True)
class Material:
    """Cases for exercises: those that the prompt put right, those that it still gets wrong, and one whole."""

    fixed: tuple[Shown, ...] = ()
    failing: tuple[Shown, ...] = ()
    example: Example | None = None


@dataclass(frozen=True)
class PerUse:
    """What one use took, as means over the cases; ``usd`` is None if a price is unknown."""

    usd: float | None
    seconds: float
    tokens: float
    n: int


def material(database: Database, run_id: str, prompt_id: str, before_id: str | None) -> Material:
    """Cases to learn by. They are those of validation: the sealed test stays out of sight.

    What is personal or secret in their texts, as far as it is found, is replaced by its kind: ``[EMAIL]``.

    Args:
        before_id: the prompt before, if it is another one.
    """
    split: Split = "validation"
    mask = masker(Runs(database).settings(run_id).compliance.policy())
    cells = Cells(database, run_id)
    now = cells.results(prompt_id, split)
    then = cells.results(before_id, split) if before_id else {}
    cases = {case.id: case for case in Runs(database).cases(run_id, split)}
    fixed = [key for key in cases if key in now and now[key].passed and key in then and not then[key].passed]
    failing = [key for key in cases if key in now and not now[key].passed and not now[key].error]
    passing = [key for key in cases if key in now and now[key].passed]
    whole = next((cases[key] for key in (*fixed, *passing)), None)

    def shown(key: str, failed: CaseResult) -> Shown:
        return _shown(cases[key], then.get(key), now[key], failed, mask)

    return Material(
        fixed=tuple(shown(key, then[key]) for key in fixed[:MOST]),
        failing=tuple(shown(key, now[key]) for key in _varied(failing, now)),
        example=whole
        and whole.model_copy(update={"inputs": {name: mask(text) for name, text in whole.inputs.items()}}),
    )


def masker(policy: Policy) -> Callable[[str], str]:
    """Replaces what is personal or secret by its kind, whatever the project does with it elsewhere: a package
    is passed on.
    """

    def mask(text: str) -> str:
        for found in reversed(find_pii(text, policy.languages, names=policy.names)):
            if not policy.is_public(text[found.start : found.end]):
                text = f"{text[: found.start]}[{LABELS[found.kind]}]{text[found.end :]}"
        return text

    return mask


def per_use(results: Iterable[CaseResult]) -> PerUse | None:
    """What a use took, from answered cases; a case that was sent several times counts as so many uses."""
    known = [result for result in results if not result.error]
    if not known:
        return None
    uses = [max(1, len(result.samples)) for result in known]
    costs = [result.cost for result in known]
    return PerUse(
        usd=None if None in costs else sum(cost or 0.0 for cost in costs) / sum(uses),
        seconds=fmean(result.latency for result in known),
        tokens=sum(result.prompt_tokens + result.completion_tokens for result in known) / sum(uses),
        n=len(known),
    )


def _varied(failing: Sequence[str], results: Mapping[str, CaseResult]) -> list[str]:
    """One of each error category first."""
    first: dict[str, str] = {}
    for key in failing:
        first.setdefault(results[key].category, key)
    kept = list(first.values())
    return [*kept, *(key for key in failing if key not in kept)][:MOST]


def _shown(
    case: Example,
    before: CaseResult | None,
    after: CaseResult,
    failed: CaseResult,
    mask: Callable[[str], str],
) -> Shown:
    reasons = [f"{check.name}: {check.reason}" for check in failed.checks if not check.passed]

    def clean(text: str, limit: int = LONGEST) -> str:
        return sanitize(mask(text), limit)

    return Shown(
        case_id=clean(case.id),
        given=clean(case.input_text),
        expected=clean(case.expected or ""),
        before=clean(before.output) if before else "",
        after=clean(after.output),
        why=clean("; ".join(reasons) or failed.category, 400),
    )
