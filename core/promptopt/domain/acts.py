"""What people did to a run while it ran, as events of its stream: who, when (the stream says), and why."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from promptopt.domain.demonstrations import Demonstration
from promptopt.domain.guidance import Form
from promptopt.domain.results import Comparison
from promptopt.domain.words import Role, Split


class Act(BaseModel):
    """Something that a person did.

    Attributes:
        by: who.
        reason: why, in their words; may be empty.
    """

    model_config = ConfigDict(frozen=True)

    by: str
    reason: str = ""


class Resumed(Act):
    kind: Literal["resumed"] = "resumed"


class StopRequested(Act):
    """``now``: without the sealed test. ``after_iteration``: when the next iteration would begin."""

    kind: Literal["stop_requested"] = "stop_requested"
    now: bool = False
    after_iteration: bool = False


class StepAsked(Act):
    """The run goes on until a new iteration begins, and pauses there."""

    kind: Literal["step_asked"] = "step_asked"


class PromptEdited(Act):
    """A person rewrote the prompt; the candidate with source ``human`` has been proposed just before."""

    kind: Literal["prompt_edited"] = "prompt_edited"
    candidate_id: str
    against_id: str
    command_id: int


class EditDecided(Act):
    """Whether the run goes on from an edit."""

    kind: Literal["edit_decided"] = "edit_decided"
    candidate_id: str
    adopted: bool


class PromptInjected(Act):
    """A person put a prompt in the running, beside the search; the candidate has been proposed just before.

    ``against_id``: the prompt that the search went on from then, which it is compared with.
    """

    kind: Literal["prompt_injected"] = "prompt_injected"
    candidate_id: str
    against_id: str
    command_id: int


class InjectionJudged(BaseModel):
    """A prompt that a person put in the running was scored, or could not be.

    Attributes:
        accepted: it can win. The search goes on as before, either way.
        verdict: why, in words.
        comparison: with the prompt that the search went on from, on the validation cases.
    """

    model_config = ConfigDict(frozen=True)

    kind: Literal["injection_judged"] = "injection_judged"
    candidate_id: str
    against_id: str
    accepted: bool
    verdict: str
    comparison: Comparison | None = None
    command_id: int


class LimitsSet(Act):
    """The run's caps from now on, all of them, as in ``RunStarted.limits``."""

    kind: Literal["limits_set"] = "limits_set"
    limits: dict[str, float]


class ConcurrencySet(Act):
    """``most`` calls at once are allowed of the model of a role, or of each judge of a panel."""

    kind: Literal["concurrency_set"] = "concurrency_set"
    role: Role
    most: int


class GuidanceGiven(Act):
    """A wish for the optimizer's proposals, from now on; see ``domain.guidance``."""

    kind: Literal["guidance_given"] = "guidance_given"
    number: int
    form: Form
    text: str


class GuidanceWithdrawn(Act):
    kind: Literal["guidance_withdrawn"] = "guidance_withdrawn"
    number: int


class ApprovalSet(Act):
    """``on``: every proposal of the optimizer waits for a person before anything is paid for its scoring."""

    kind: Literal["approval_set"] = "approval_set"
    on: bool


class ProposalWaiting(BaseModel):
    """A proposal waits for a person. ``made_by``: the optimizer, where a run has several."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["proposal_waiting"] = "proposal_waiting"
    candidate_id: str
    text: str
    iteration: int = 0
    parent_id: str | None = None
    reasoning: str = ""
    made_by: str = ""
    demonstrations: list[Demonstration] = []


class ProposalDecided(Act):
    """A proposal may be scored, or may not. ``by`` is ``promptopt`` if it is not as people wish."""

    kind: Literal["proposal_decided"] = "proposal_decided"
    candidate_id: str
    accepted: bool


class ProposalDropped(BaseModel):
    """A proposal waits no more: the search went on without it. If it comes again, it waits again."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["proposal_dropped"] = "proposal_dropped"
    candidate_id: str


class CaseMended(Act):
    """A person has put a case's expectation right, or dropped the case; see ``domain.mending``.

    Scores are told anew, and the search begins anew from the prompt that it stood on: what it had learnt
    rests on the former expectation.

    Attributes:
        expected: None: the case is dropped.
        splits: that have it.
        sizes: cases of each split now.
        turn: number of the search that begins, from 1.
        start_id: the prompt that it begins from.
        iteration: of the run, when it begins.
    """

    kind: Literal["case_mended"] = "case_mended"
    case_id: str
    expected: str | None
    splits: list[Split]
    sizes: dict[Split, int]
    turn: int
    start_id: str
    iteration: int
    command_id: int


class ModelSet(Act):
    """Another model answers in a role from now on.

    Attributes:
        settings: as of a project's ``[models.ROLE]``, those that are not the default.
        input_price, output_price: USD per million tokens; None is unknown.
    """

    kind: Literal["model_set"] = "model_set"
    role: Role
    settings: dict[str, Any]
    input_price: float | None = None
    output_price: float | None = None
