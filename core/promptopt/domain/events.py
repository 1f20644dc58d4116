"""The events of a run: everything that anyone shows is a fold over this stream.

Every event states where things stand (totals, ids), never a change to them, so that folding an event twice
is the same as folding it once: a resumed run may say again what it said before it was killed.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from promptopt.domain.acts import (
    ApprovalSet,
    CaseMended,
    ConcurrencySet,
    EditDecided,
    GuidanceGiven,
    GuidanceWithdrawn,
    InjectionJudged,
    LimitsSet,
    ModelSet,
    PromptEdited,
    PromptInjected,
    ProposalDecided,
    ProposalDropped,
    ProposalWaiting,
    Resumed,
    StepAsked,
    StopRequested,
)
from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.drafted import CaseRated, CasesDrafted, DatasetMeasured, GenerationStarted
from promptopt.domain.forecast import CapReached, Need, Spread
from promptopt.domain.results import Comparison, Interval
from promptopt.domain.words import Role, Split

Status = Literal["created", "running", "paused", "finished", "stopped", "failed"]
"""What a run says of itself. ``interrupted`` (its worker died) is derived from the heartbeat."""

StopReason = Literal[
    "all_pass", "max_iterations", "plateau", "budget", "user", "error", "scored", "played", "generated"
]
"""``scored``: a run that was only to score a prompt has done so; ``played``: its tournament is over;
``generated``: it has made cases up."""

Source = Literal["seed", "optimizer", "human"]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelInfo(BaseModel):
    """A model in a role. Prices in USD per million tokens; None is unknown, never free.

    ``name``: of a judge of a panel.
    """

    model_config = ConfigDict(frozen=True)

    model: str
    name: str = ""
    endpoint: str = ""
    input_price: float | None = None
    output_price: float | None = None
    simulated: bool = False
    free: bool = False


class RunStarted(_Event):
    """The run's frozen frame.

    Attributes:
        judges: the panel that judges matches, where the project names one.
        on_edit: what a person's edit means for the optimizer, once it is adopted: a sentence for them.
    """

    kind: Literal["run_started"] = "run_started"
    run_id: str
    project: str
    optimizer: str
    models: dict[Role, ModelInfo]
    judges: list[ModelInfo] = []
    limits: dict[str, float] = {}
    sizes: dict[Split, int]
    held_back: bool = True
    max_iterations: int | None = None
    simulated: bool = False
    on_edit: str = ""


class Forecast(_Event):
    """What the run was expected to need, before anything was sent; ``promptopt estimate`` says the same.

    Attributes:
        roles, total: calls, tokens and USD, of each model and together.
        seconds: running time.
        cap: the cap that would end the run first, if any would.
        notes: what the figures rest on, and what they leave out.
    """

    kind: Literal["forecast"] = "forecast"
    roles: dict[Role, Need]
    total: Need
    seconds: Spread
    iterations: Spread | None = None
    cap: CapReached | None = None
    notes: list[str] = []


class RunResumed(_Event):
    """A worker took the run up again. ``lost`` calls were in flight when the last one died."""

    kind: Literal["run_resumed"] = "run_resumed"
    journaled: int
    lost: int


class PhaseStarted(_Event):
    """``baseline``: the seed prompt is scored; ``search``: iterations; ``test``: the sealed test;
    ``tournament``: prompts play each other, ``generation``: cases are made up, in a run that does nothing
    else.

    ``test`` says why the search ended: once the seal is broken, no worker searches on.
    """

    kind: Literal["phase_started"] = "phase_started"
    phase: Literal["baseline", "search", "test", "tournament", "generation"]
    stop_reason: StopReason | None = None
    detail: str = ""


class IterationStarted(_Event):
    """Iterations count from 1."""

    kind: Literal["iteration_started"] = "iteration_started"
    iteration: int


class StageStarted(_Event):
    """An optimizer that combines others starts one of them.

    Attributes:
        number: of the stage, from 1.
        optimizer: its name.
        start_id: the prompt that it starts from.
        reason: why this one, now.
    """

    kind: Literal["stage_started"] = "stage_started"
    number: int
    optimizer: str
    start_id: str
    reason: str = ""


class CandidateProposed(_Event):
    """A prompt entered the running. ``iteration`` 0: the seed; ``confidence`` (0 to 1): its proposer's.

    ``made_by``: the optimizer, where a run has several; ``demonstrations`` are sent with the text;
    ``label``: what a person calls it who brought it.
    """

    kind: Literal["candidate_proposed"] = "candidate_proposed"
    candidate_id: str
    text: str
    source: Source
    iteration: int = 0
    parent_id: str | None = None
    reasoning: str = ""
    confidence: float | None = None
    made_by: str = ""
    label: str = ""
    demonstrations: list[Demonstration] = []


class ProposalFailed(_Event):
    """A proposal that could not be used: malformed, a repetition, a lost placeholder."""

    kind: Literal["proposal_failed"] = "proposal_failed"
    iteration: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMark:
    """How one case went; the output and the checks' reasons are in the store's cells.

    No pydantic model: who watches a run holds hundreds of thousands of them, and this takes a quarter of the
    memory.
    """

    case_id: str
    score: float
    passed: bool
    category: str = ""


class EvaluationStarted(_Event):
    kind: Literal["evaluation_started"] = "evaluation_started"
    candidate_id: str
    split: Split
    total: int


class CasesFinished(_Event):
    """Cases that finished since the last such event (about ten a second are sent, however many cases)."""

    kind: Literal["cases_finished"] = "cases_finished"
    candidate_id: str
    split: Split
    cases: list[CaseMark]


class CandidateScored(_Event):
    """An evaluation is complete.

    Attributes:
        at_once: calls of the target at once, on average; it can move scores.
        counts: it is the candidate's score on the split from now on; false for cases chosen for a purpose.
    """

    kind: Literal["candidate_scored"] = "candidate_scored"
    candidate_id: str
    split: Split
    score: Interval
    passed: int
    errors: int = 0
    at_once: float | None = None
    counts: bool = True


class ClusterMark(BaseModel):
    """Failures that are alike, in short; the texts of the cases are in the store.

    Attributes:
        category: error category.
        detail: the fault that they share; may be empty.
        count: how many cases fail like this.
        case_id: the most typical of them.
        contrast_id: a case that passes, with an input much like that one's; empty if there is none.
    """

    model_config = ConfigDict(frozen=True)

    category: str
    detail: str = ""
    count: int
    case_id: str
    contrast_id: str = ""


class FeedbackReady(_Event):
    """What an evaluation teaches.

    Attributes:
        categories: error category to how many cases are in it.
        clusters: failures that are alike, those most worth mending first, and not more of them than a person
            reads.
        fixed, broken: cases that changed against ``against_id``.
    """

    kind: Literal["feedback_ready"] = "feedback_ready"
    candidate_id: str
    against_id: str | None = None
    split: Split
    categories: dict[str, int]
    clusters: list[ClusterMark] = []
    fixed: list[str] = []
    broken: list[str] = []
    suggestions: list[str] = []


class CandidateJudged(_Event):
    """Whether a candidate took its parent's place as the prompt that the search goes on from.

    ``outright``: whatever the checks' scores say, since judges decided; then its predecessor can't win.
    ``withdrawn``: it was accepted before, and breaks a case that must pass, as has turned out.
    """

    kind: Literal["candidate_judged"] = "candidate_judged"
    candidate_id: str
    against_id: str
    accepted: bool
    reason: str
    comparison: Comparison | None = None
    outright: bool = False
    withdrawn: bool = False


class Meter(BaseModel):
    """One budget: USD, calls, tokens or minutes. ``limit`` None is no limit.

    ``spent`` counts answered calls; ``uncertain`` what calls cost at most that were in flight when a worker
    died or that timed out; ``held`` what is kept back for the sealed test. The cap holds for their sum.
    """

    model_config = ConfigDict(frozen=True)

    spent: float = 0.0
    reserved: float = 0.0
    uncertain: float = 0.0
    held: float = 0.0
    limit: float | None = None


class MatchFinished(_Event):
    """Two candidates were compared, case by case.

    Attributes:
        number: of the match in its run, from 1.
        stage: what it was played in, in words: ``round 2``, ``final``.
        wins, losses, ties: cases that went to the first one, to the second, to neither.
        missing: cases without an answer or a verdict.
        winner_id: None for a tie.
        by: who judged: the metric, or judge models.
        reason: why it ended when it did.
    """

    kind: Literal["match_finished"] = "match_finished"
    number: int
    stage: str
    first_id: str
    second_id: str
    winner_id: str | None
    wins: int
    losses: int
    ties: int
    missing: int = 0
    by: str = ""
    reason: str = ""


class Rating(BaseModel):
    """A candidate's strength, as its matches tell.

    Attributes:
        rating: Bradley-Terry strength on Elo's scale (400 points are odds of 10 to 1), mean 0.
        low, high: bounds of the 95 % interval.
        wins, losses, ties: cases.
        win_rate: share of the cases won, a tie as half, in [0, 1].
        p_best: chance that it is the strongest.
    """

    model_config = ConfigDict(frozen=True)

    candidate_id: str
    rating: float
    low: float
    high: float
    wins: int
    losses: int
    ties: int
    win_rate: float
    p_best: float = 0.0


class StandingsUpdated(_Event):
    """Ratings of a tournament under way, or (``final``) over, best first.

    Attributes:
        format: ``round_robin``, ``swiss``, ``single_elimination`` or ``duels``.
        played, planned: matches; None if nobody can say how many there will be. None played: it begins.
        champion_id: of a tournament that is over.
        decided: the champion won a final by evidence; if not, it leads, and no more.
        notes: what there is to know of judges and verdicts, in words.
    """

    kind: Literal["standings_updated"] = "standings_updated"
    format: str
    ratings: list[Rating]
    played: int
    planned: int | None = None
    final: bool = False
    champion_id: str = ""
    decided: bool = False
    notes: list[str] = []


class TrialMark(BaseModel):
    """An optimizer with settings that is tried out by cross-validation.

    Attributes:
        optimizer, settings: the configuration.
        folds: gain on each fold that it played: mean score of the prompt that it found on the other folds'
            cases, less that of the prompt to start from.
        score: of those prompts, over all cases of these folds.
        gain: the same less the prompt to start from, case by case.
        calls: of the target model, that its searches and the scoring of what they found asked for.
        given_up: the fold, from 1, after which it was given up; None if it was not.
    """

    model_config = ConfigDict(frozen=True)

    optimizer: str
    settings: dict[str, Any] = {}
    folds: list[float] = []
    score: Interval | None = None
    gain: Interval | None = None
    calls: int = 0
    given_up: int | None = None

    def __str__(self) -> str:
        settings = ", ".join(f"{key} = {value}" for key, value in self.settings.items())
        return f"{self.optimizer} ({settings})" if settings else self.optimizer


class TrialsUpdated(_Event):
    """Optimizers and settings are tried out; stated anew after each fold, and when one is chosen.

    Attributes:
        trials: in the order in which they were asked for.
        played, folds: folds that were played, and that there are.
        chosen, runner_up: places in ``trials``, from 0; None until it is over.
        comparison: the chosen one's scores against the runner-up's on the cases that both have, corrected for
            the number of configurations.
        reason: why it was chosen, in words.
    """

    kind: Literal["trials_updated"] = "trials_updated"
    trials: list[TrialMark]
    played: int
    folds: int
    chosen: int | None = None
    runner_up: int | None = None
    comparison: Comparison | None = None
    reason: str = ""


class BudgetMoved(_Event):
    """Where the money stands. Keys of ``meters``: ``usd``, ``calls``, ``tokens``, ``minutes``, and
    ``target_calls`` … per role, whose ``target_minutes`` is the time in which a call of it is under way.
    ``unpriced`` roles spend at an unknown price, which ``usd`` leaves out.
    ``reused``: answers that earlier runs of the project paid for, by run; no meter counts them.
    """

    kind: Literal["budget_moved"] = "budget_moved"
    meters: dict[str, Meter]
    in_flight: int = 0
    replayed: int = 0
    reused: dict[str, int] = {}
    unpriced: list[Role] = []


class Withheld(_Event):
    """What the project's policy has kept from the models so far: numbers of values by kind, never a value.

    Attributes:
        redacted: values that placeholders took the place of, in requests that were made.
        calls: those requests.
        refused: values for which requests were not made.
    """

    kind: Literal["withheld"] = "withheld"
    redacted: dict[str, int] = {}
    calls: int = 0
    refused: dict[str, int] = {}


class TextsRemoved(_Event):
    """Inputs, prompts and answers were taken out of a run that is over; scores and figures stay."""

    kind: Literal["texts_removed"] = "texts_removed"


class EndpointMoved(_Event):
    """How much the model of a role takes.

    Attributes:
        judge: which judge of a panel it is.
        at_once: calls at once that are allowed now; ``most`` is what the project allows.
        refused: calls that were refused so far (rate limit, overload, no answer in time).
        late: those of them that were not answered in time.
        held: seconds for which nothing is sent, because the server asked for it.
    """

    kind: Literal["endpoint_moved"] = "endpoint_moved"
    role: Role
    judge: str = ""
    at_once: int
    most: int
    refused: int = 0
    late: int = 0
    held: float = 0.0


class Paused(_Event):
    """No new call starts. ``by`` says who asked, and ``reason`` why; ``itself``: nobody did, it had to."""

    kind: Literal["paused"] = "paused"
    by: str
    reason: str = ""
    itself: bool = False


class EditJudged(_Event):
    """The edit was scored against the prompt it would replace, on the validation cases.

    ``waiting``: the run's owner is asked whether to go on from it. ``breaks``: which cases that must pass it
    fails, in words; then it can't win.
    """

    kind: Literal["edit_judged"] = "edit_judged"
    candidate_id: str
    against_id: str
    comparison: Comparison
    waiting: bool
    breaks: str = ""
    command_id: int


class CheckpointSaved(_Event):
    kind: Literal["checkpoint_saved"] = "checkpoint_saved"
    iteration: int


class Notice(_Event):
    """Something to know: a retry storm, a warning, what went wrong."""

    kind: Literal["notice"] = "notice"
    level: Literal["info", "warning", "error"] = "info"
    text: str


class RunFinished(_Event):
    """The end.

    Attributes:
        comparison: winner against seed prompt on the sealed test split, if there is one.
        must_pass_broken: ids of the cases of that split that must pass, and that the winner fails though the
            seed prompt passes them.
    """

    kind: Literal["run_finished"] = "run_finished"
    status: Literal["finished", "stopped", "failed"]
    stop_reason: StopReason
    detail: str = ""
    seed_id: str
    best_id: str
    iterations: int
    comparison: Comparison | None = None
    must_pass_broken: list[str] = []
    test_note: str = ""


Event = Annotated[
    RunStarted
    | Forecast
    | RunResumed
    | PhaseStarted
    | IterationStarted
    | StageStarted
    | CandidateProposed
    | ProposalFailed
    | EvaluationStarted
    | CasesFinished
    | CandidateScored
    | FeedbackReady
    | CandidateJudged
    | MatchFinished
    | StandingsUpdated
    | TrialsUpdated
    | GenerationStarted
    | CasesDrafted
    | CaseRated
    | DatasetMeasured
    | BudgetMoved
    | Withheld
    | TextsRemoved
    | EndpointMoved
    | Paused
    | Resumed
    | StopRequested
    | StepAsked
    | PromptInjected
    | InjectionJudged
    | PromptEdited
    | EditJudged
    | EditDecided
    | GuidanceGiven
    | GuidanceWithdrawn
    | ApprovalSet
    | ProposalWaiting
    | ProposalDecided
    | ProposalDropped
    | CaseMended
    | LimitsSet
    | ConcurrencySet
    | ModelSet
    | CheckpointSaved
    | Notice
    | RunFinished,
    Field(discriminator="kind"),
]

EVENT: TypeAdapter[Event] = TypeAdapter(Event)
"""Reads and writes events as JSON."""
