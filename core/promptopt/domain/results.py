"""What judging an output gives: check results, case results, evaluations, comparisons."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from promptopt.domain.words import Split

if TYPE_CHECKING:
    from promptopt.domain.chat import LLMResponse

Verdict = Literal["better", "worse", "not distinguishable"]

Effect = Literal["cohens_h", "cohens_dz", "cliffs_delta"]

EFFECTS: dict[Effect, str] = {
    "cohens_h": "Cohen's h",
    "cohens_dz": "Cohen's d_z",
    "cliffs_delta": "Cliff's delta",
}
"""Effect sizes, and what they are called."""

CATEGORIES = {
    "error": "the call failed or timed out, or nothing came back",
    "truncated": "the output was cut off at its token limit",
    "refusal": "the model declined to do the task",
    "wrong format": "the output can't be read as the required format, or has prose around it",
    "wrong structure": "it parses, but fields are missing, added or of the wrong type",
    "missing information": "content that the expected output has is absent",
    "too verbose": "the right content is there, inside much more text than wanted",
    "too terse": "far shorter than the expected output, with content missing",
    "near miss": "almost right: a small slip in spelling, case, number or unit",
    "wrong reasoning": "the form is right, the answer is not",
    "hallucination": "it states facts that neither the input nor the reference has",
    "other": "failed its checks in a way that no rule names",
}
"""The error categories, most specific signal first, and what each means."""


def signed(value: float) -> str:
    """An effect size with its sign, ``+0.35``; ``0.00`` if it is none as far as two digits tell."""
    shown = f"{value:+.2f}"
    return "0.00" if float(shown) == 0 else shown


class CheckResult(BaseModel):
    """One check's opinion of one output.

    Attributes:
        name: the check's name.
        score: in [0, 1].
        passed: the score reached the check's threshold.
        reason: why it did not (or did), in words.
        weight: the check's share in the case's score.
        hard: failing it makes the case score 0.
        form: it looks at the form of the output (or what it took), not at whether it is right.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    score: float = Field(ge=0, le=1)
    passed: bool
    reason: str = ""
    weight: float = 1.0
    hard: bool = False
    form: bool = False


class Sample(BaseModel):
    """One of several answers to a case. ``form``: the score of the checks of its form, if there are any."""

    model_config = ConfigDict(frozen=True)

    output: str = ""
    score: float = Field(default=0.0, ge=0, le=1)
    passed: bool = False
    error: str = ""
    form: float | None = None


class Judging(BaseModel):
    """What a model that checks ask took for one case: calls, tokens, USD (0 where the price is unknown), and
    seconds, one call after the other.
    """

    model_config = ConfigDict(frozen=True)

    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    seconds: float = 0.0

    @classmethod
    def of(cls, response: "LLMResponse") -> "Judging":
        """What one answered call took."""
        return cls(
            calls=1,
            tokens=sum(response.usage.values()),
            usd=response.cost or 0.0,
            seconds=response.latency,
        )

    def __add__(self, other: "Judging") -> "Judging":
        return Judging(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            usd=self.usd + other.usd,
            seconds=self.seconds + other.seconds,
        )


class CaseResult(BaseModel):
    """One prompt on one case.

    Attributes:
        case_id: the case.
        output: what the model said; empty if the call failed.
        score: weighted mean of the checks in [0, 1]; 0 if a hard check failed or the call failed.
        passed: every check passed.
        checks: each check's result.
        category: error category of a failed case (see ``CATEGORIES``), empty if it passed.
        error: why there is no output, empty if there is one.
        prompt_tokens, completion_tokens: as the provider counted them.
        cost: USD; None if the price is unknown.
        latency: seconds.
        samples: each answer, if the case was sent several times; then score and latency are means, tokens and
            cost sums, it passed if all did, and the rest is of the answer that tells most.
        judging: what the judge model took.
        embedding: what the embedding model took.
    """

    model_config = ConfigDict(frozen=True)

    case_id: str
    output: str = ""
    score: float = Field(default=0.0, ge=0, le=1)
    passed: bool = False
    checks: tuple[CheckResult, ...] = ()
    category: str = ""
    error: str = ""
    weight: float = 1.0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None
    latency: float = 0.0
    samples: tuple[Sample, ...] = ()
    judging: Judging = Judging()
    embedding: Judging = Judging()

    @property
    def flaky(self) -> bool:
        """Some of its answers passed, and some did not."""
        return len({sample.passed for sample in self.samples}) > 1


class Interval(BaseModel):
    """A mean with its 95 % confidence interval, in [0, 1] (a difference: in [-1, 1])."""

    model_config = ConfigDict(frozen=True)

    mean: float
    low: float
    high: float
    n: int


def _only_if_so(value: bool) -> bool:
    """A flag that is not set is left out of JSON."""
    return not value


def _only_if_one(value: int) -> bool:
    return value == 1


class Evaluation(BaseModel):
    """A prompt on a set of cases, in the order of the cases.

    Attributes:
        simulated: the built-in simulator answered, as far as who made it knows.
    """

    model_config = ConfigDict(frozen=True)

    prompt_id: str
    split: Split
    results: tuple[CaseResult, ...]
    score: Interval
    simulated: bool = Field(default=False, exclude_if=_only_if_so)

    @property
    def passed(self) -> int:
        return sum(result.passed for result in self.results)

    @property
    def errors(self) -> int:
        return sum(bool(result.error) for result in self.results)

    @property
    def all_passed(self) -> bool:
        return self.passed == len(self.results)

    def __repr_args__(self) -> Iterator[tuple[str, object]]:
        yield "prompt_id", self.prompt_id
        yield "split", self.split
        yield "score", self.score
        yield "passed", f"{self.passed} of {len(self.results)}"
        if self.simulated:
            yield "simulated", True

    def by_case(self) -> dict[str, CaseResult]:
        return {result.case_id: result for result in self.results}


class Reliability(BaseModel):
    """How far one can rely on a prompt whose cases were sent several times.

    Attributes:
        repeats: times that each case was sent.
        pass_hat: ``k`` to pass^k, the chance that ``k`` answers to a case all pass, as a mean over the cases.
        consistency: share of the pairs of answers to one case that got the same verdict, as a mean.
        flaky: ids of the cases that passed and failed.
    """

    model_config = ConfigDict(frozen=True)

    repeats: int
    pass_hat: dict[int, float]
    consistency: float
    flaky: tuple[str, ...] = ()


class LabelScore(BaseModel):
    """One label: precision, recall and F1 (0 if it was never said), and the answers that it was right for."""

    model_config = ConfigDict(frozen=True)

    precision: float
    recall: float
    f1: float
    answers: int


class Classification(BaseModel):
    """Outputs against expected labels.

    Attributes:
        accuracy: share of outputs that are the right label.
        macro_f1: plain mean of the labels' F1.
        unnamed: outputs that are none of the labels.
        labels: each label that was expected.
    """

    model_config = ConfigDict(frozen=True)

    accuracy: float
    macro_f1: float
    unnamed: int
    labels: dict[str, LabelScore]


class Comparison(BaseModel):
    """Paired comparison of two evaluations on the same cases.

    Attributes:
        difference: mean of (second - first) with its interval.
        p_value: two-sided; exact McNemar for pass/fail scores, sign-flip permutation otherwise.
        verdict: of the second against the first.
        method: how interval and p-value were computed, for the report.
        effects: effect sizes, of the second against the first: Cohen's h for pass/fail scores, Cohen's d_z
            and Cliff's delta for graded ones. One that is not defined is not there.
        wilcoxon: p-value of the Wilcoxon signed-rank test of graded scores, which has no say in the verdict.
        p_adjusted: ``p_value`` corrected by Holm's method, if this is one of several comparisons that were
            made at once; then the verdict goes by it.
        together: how many were made at once. With more than one ``difference`` has a simultaneous interval:
            all of them hold together with 95 % (Bonferroni), and they reach 0 where the corrected test leaves
            it open.
        fixed, broken: ids of the cases that only the second, or only the first, passes.
        simulated: of evaluations of which one is known to be.
    """

    model_config = ConfigDict(frozen=True)

    difference: Interval
    p_value: float
    verdict: Verdict
    method: str
    effects: dict[Effect, float] = Field(default_factory=dict[Effect, float])
    wilcoxon: float | None = None
    p_adjusted: float | None = None
    together: int = Field(default=1, exclude_if=_only_if_one)
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    simulated: bool = Field(default=False, exclude_if=_only_if_so)

    @property
    def doubt(self) -> str:
        """``p = 0.07`` where the interval alone would see a difference, and the test does not: it decides."""
        gap = self.difference
        if self.verdict != "not distinguishable" or gap.low <= 0 <= gap.high:
            return ""
        return f"p = {self.p_value if self.p_adjusted is None else self.p_adjusted:.2g}"

    @property
    def interval_name(self) -> str:
        """What the interval of the difference is: ``95 % interval``, or a simultaneous one."""
        return interval_name(self.together)

    @property
    def correction(self) -> str:
        """How verdict and interval are corrected for the number of comparisons; empty for a single one."""
        return correction(self.together)

    def exceeds(self, least: float) -> Literal["met", "missed", "not shown either way"]:
        """Whether a criterion on the gain is met: a verdict of *better*, the whole interval above ``least``.

        It is missed if the whole interval lies below. Both go by the corrected interval, if there are several
        comparisons.
        """
        if self.verdict == "better" and self.difference.low > least:
            return "met"
        return "missed" if self.difference.high < least else "not shown either way"


def interval_name(together: int) -> str:
    """What the interval of a difference is called that is told as one of so many."""
    return "95 % interval" if together < 2 else f"simultaneous 95 % interval of {together} comparisons"


def correction(together: int) -> str:
    """How so many comparisons are corrected for their number, in words; empty for a single one."""
    if together < 2:
        return ""
    level = 100 - 5 / together
    each = f"each interval at {level:.4g} % (Bonferroni), to 0 where p leaves it open"
    return f"corrected for {together} comparisons: p by Holm, {each}"


class CaseDiff(BaseModel):
    """Expected against actual output of one failed case."""

    model_config = ConfigDict(frozen=True)

    case_id: str
    expected: str
    actual: str
    similarity: float
    changes: tuple[tuple[Literal["=", "-", "+"], str], ...]


class Cluster(BaseModel):
    """Failures of one kind.

    Attributes:
        key: category and detail in one.
        category: error category.
        detail: the fault that they share: a JSON path, a confusion, a check, or a cause; may be empty.
        case_ids: its cases, the most typical first.
        loss: mean of 1 - score.
        worth: how much there is to gain by showing it (see ``evaluation.clusters``).
        contrast_id: the case that passes and whose input is nearest to that of the most typical one; empty if
            none passes, or for the less worthy clusters.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    category: str
    detail: str = ""
    case_ids: tuple[str, ...]
    loss: float = 1.0
    worth: float = 1.0
    contrast_id: str = ""


class Feedback(BaseModel):
    """What an evaluation teaches.

    Attributes:
        categories: error category to the ids of its cases, largest first.
        clusters: failures that are alike, those most worth mending first; each failure is in one.
        tags: tag to how many of its cases pass, and how many there are, the weakest first.
        diffs: expected against actual for representative failures.
        fixed, broken, still_failing: case ids against the evaluation it was compared with.
        suggestions: what to change in the prompt, most promising first.
    """

    model_config = ConfigDict(frozen=True)

    prompt_id: str
    split: Split
    score: Interval
    passed: int
    total: int
    categories: dict[str, tuple[str, ...]] = Field(default_factory=dict[str, tuple[str, ...]])
    clusters: tuple[Cluster, ...] = ()
    tags: dict[str, tuple[int, int]] = Field(default_factory=dict[str, tuple[int, int]])
    diffs: tuple[CaseDiff, ...] = ()
    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    still_failing: tuple[str, ...] = ()
    suggestions: Sequence[str] = ()
