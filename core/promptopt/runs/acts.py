"""The part of the fold that is about people: what they did to a run, and what waits for them."""

from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING

from promptopt.domain import events as ev
from promptopt.domain.acts import Act
from promptopt.domain.guidance import Guidance, addendum
from promptopt.domain.mending import Mend
from promptopt.domain.results import Comparison

if TYPE_CHECKING:
    from promptopt.runs.state import RunState


ITSELF = "promptopt"
"""Who decides where no person does."""


@dataclass
class Edit:
    """A person's edit that has not been decided on, or the last one that was."""

    candidate_id: str
    against_id: str
    by: str
    command_id: int
    comparison: Comparison | None = None
    breaks: str = ""
    """Which cases that must pass it fails, in words."""
    waiting: bool = False
    adopted: bool | None = None


@dataclass
class Injection:
    """A prompt that a person put in the running, the last one: ``accepted`` None until it is scored."""

    candidate_id: str
    against_id: str
    by: str
    command_id: int
    accepted: bool | None = None
    verdict: str = ""
    comparison: Comparison | None = None


@dataclass
class Wishes:
    """What people ask of proposals, and what they have decided on them.

    Attributes:
        given: every wish there was, by number.
        versions: numbers in force, each time that they changed; nothing at first.
        approval: proposals wait for a person.
        waiting: proposals that do, by candidate id, oldest first, and since when (seconds since the epoch).
        decided: candidate id to why it may not be scored; empty if it may.
    """

    given: dict[int, Guidance] = field(default_factory=dict[int, Guidance])
    versions: list[tuple[int, ...]] = field(default_factory=lambda: [()])
    approval: bool = False
    waiting: dict[str, tuple[ev.ProposalWaiting, float]] = field(
        default_factory=dict[str, tuple[ev.ProposalWaiting, float]]
    )
    decided: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def in_force(self) -> list[Guidance]:
        """The wishes that hold now."""
        return [self.given[number] for number in self.versions[-1]]

    @property
    def addenda(self) -> list[str]:
        """What the optimizer model is told, as it was in the course of the run, the present last."""
        return [addendum([self.given[number] for number in version]) for version in self.versions]


@dataclass(frozen=True)
class Deed:
    """Something that a person did to the run.

    Attributes:
        at: seconds since the epoch.
        text: in the words of the log, author and reason included.
    """

    at: float
    by: str
    text: str
    reason: str = ""
    candidate_id: str = ""


@singledispatch
def fold_act(event: object, state: "RunState", at: float) -> None:
    """Fold an event about people into ``state``.

    Raises:
        TypeError: it has no rule, here or in the state itself.
    """
    raise TypeError(f"RunState has no rule for {type(event).__name__}")


def _done(state: "RunState", at: float, act: Act | ev.Paused, text: str, candidate_id: str = "") -> None:
    """Keep that somebody did something, and log it; an event that is folded in twice is one deed."""
    deed = Deed(at, act.by, f"{text}: {act.reason}" if act.reason else text, act.reason, candidate_id)
    if deed not in state.deeds[-1:]:
        state.deeds.append(deed)
    state.log(at, deed.text)


@fold_act.register(ev.Paused)
def _(event: ev.Paused, state: "RunState", at: float) -> None:
    state.status = "paused"
    state.stepping = False
    state.paused_by, state.pause_reason = event.by, event.reason if event.itself else ""
    if event.itself:
        state.log(at, f"paused itself: {event.reason}", "error")
    else:
        _done(state, at, event, f"paused by {event.by}")


def _go_on(state: "RunState") -> None:
    state.status, state.paused_by, state.pause_reason = "running", "", ""


@fold_act.register(ev.Resumed)
def _(event: ev.Resumed, state: "RunState", at: float) -> None:
    _go_on(state)
    state.stepping = False
    _done(state, at, event, f"resumed by {event.by}")


@fold_act.register(ev.StepAsked)
def _(event: ev.StepAsked, state: "RunState", at: float) -> None:
    _go_on(state)
    state.stepping = True
    _done(state, at, event, f"goes on until the next iteration begins, asked by {event.by}")


@fold_act.register(ev.StopRequested)
def _(event: ev.StopRequested, state: "RunState", at: float) -> None:
    state.stop_requested = event
    _go_on(state)
    how = "at once, without the sealed test" if event.now else "after the sealed test"
    if event.after_iteration:
        how = "when this iteration is over, after the sealed test"
    _done(state, at, event, f"stop asked for by {event.by}: {how}")


@fold_act.register(ev.PromptEdited)
def _(event: ev.PromptEdited, state: "RunState", at: float) -> None:
    state.edit = Edit(event.candidate_id, event.against_id, event.by, event.command_id)
    _done(state, at, event, f"prompt edited by {event.by}; scoring the edit", event.candidate_id)


@fold_act.register(ev.EditJudged)
def _(event: ev.EditJudged, state: "RunState", at: float) -> None:
    edit = state.edit
    if edit is None or edit.command_id != event.command_id:
        edit = state.edit = Edit(event.candidate_id, event.against_id, "", event.command_id)
    edit.comparison, edit.waiting, edit.breaks = event.comparison, event.waiting, event.breaks
    candidate = state.candidates.get(event.candidate_id)
    if candidate:
        candidate.comparison = event.comparison
    against = state.name(event.against_id)
    state.log(at, f"edit is {event.comparison.verdict} ({points(event.comparison)}) against {against}")
    if event.breaks:
        state.log(at, f"the edit {event.breaks}: it can't win", "warning")


@fold_act.register(ev.EditDecided)
def _(event: ev.EditDecided, state: "RunState", at: float) -> None:
    if state.edit and state.edit.candidate_id == event.candidate_id:
        state.edit.waiting, state.edit.adopted = False, event.adopted
    candidate = state.candidates.get(event.candidate_id)
    if candidate:
        candidate.accepted = event.adopted
        candidate.judgement = event.reason or f"decided by {event.by}"
    if event.adopted:
        if state.adopted[-1:] != [event.candidate_id]:
            state.adopted.append(event.candidate_id)
        state.turn_to(event.candidate_id)
    word = "the run goes on from the edit" if event.adopted else "the edit was put aside"
    _done(state, at, event, f"{word} ({event.by})", event.candidate_id)


@fold_act.register(ev.PromptInjected)
def _(event: ev.PromptInjected, state: "RunState", at: float) -> None:
    state.injection = Injection(event.candidate_id, event.against_id, event.by, event.command_id)
    name = state.name(event.candidate_id)
    _done(state, at, event, f"{name} was put in the running by {event.by}; scoring it", event.candidate_id)


@fold_act.register(ev.InjectionJudged)
def _(event: ev.InjectionJudged, state: "RunState", at: float) -> None:
    injection = state.injection
    if injection is None or injection.command_id != event.command_id:
        injection = Injection(event.candidate_id, event.against_id, "", event.command_id)
        state.injection = injection
    injection.accepted, injection.verdict = event.accepted, event.verdict
    injection.comparison = event.comparison
    candidate = state.candidates.get(event.candidate_id)
    if candidate:
        candidate.accepted, candidate.judgement = event.accepted, event.verdict
        candidate.comparison = event.comparison or candidate.comparison
    said = f" ({points(event.comparison)} against {state.name(event.against_id)})" if event.comparison else ""
    state.log(at, f"{state.name(event.candidate_id)}: {event.verdict}{said}")


@fold_act.register(ev.GuidanceGiven)
def _(event: ev.GuidanceGiven, state: "RunState", at: float) -> None:
    wishes = state.wishes
    wish = Guidance(number=event.number, form=event.form, text=event.text, by=event.by, reason=event.reason)
    if event.number not in wishes.given:
        wishes.given[event.number] = wish
        wishes.versions.append((*wishes.versions[-1], event.number))
        state.bar()
    said = {
        "note": "a note to the optimizer",
        "keep": "every prompt must contain",
        "avoid": "no prompt may say",
    }
    _done(state, at, event, f"{said[event.form]}, by {event.by}: {event.text}")


@fold_act.register(ev.GuidanceWithdrawn)
def _(event: ev.GuidanceWithdrawn, state: "RunState", at: float) -> None:
    wishes = state.wishes
    if event.number in wishes.versions[-1]:
        wishes.versions.append(tuple(each for each in wishes.versions[-1] if each != event.number))
        state.bar()
    wish = wishes.given.get(event.number)
    _done(state, at, event, f"withdrawn by {event.by}: {wish}")


@fold_act.register(ev.ApprovalSet)
def _(event: ev.ApprovalSet, state: "RunState", at: float) -> None:
    state.wishes.approval = event.on
    said = "proposals wait for a person" if event.on else "proposals wait for nobody any more"
    _done(state, at, event, f"{said} ({event.by})")


@fold_act.register(ev.ProposalWaiting)
def _(event: ev.ProposalWaiting, state: "RunState", at: float) -> None:
    if event.candidate_id not in state.wishes.waiting:
        state.wishes.waiting[event.candidate_id] = event, at
        state.log(at, f"proposal {event.candidate_id[:6]} waits for a person: {event.reasoning}", "warning")


@fold_act.register(ev.ProposalDecided)
def _(event: ev.ProposalDecided, state: "RunState", at: float) -> None:
    wishes, name = state.wishes, event.candidate_id[:6]
    wishes.waiting.pop(event.candidate_id, None)
    wishes.decided[event.candidate_id] = "" if event.accepted else event.reason or f"{event.by} rejected it"
    candidate = state.candidates.get(event.candidate_id)
    if candidate and not event.accepted:
        candidate.accepted, candidate.judgement = False, wishes.decided[event.candidate_id]
    if event.by != ITSELF:  # what is not as people ask is told as a proposal that failed
        word = "accepted" if event.accepted else "rejected"
        _done(state, at, event, f"proposal {name} {word} by {event.by}", event.candidate_id)


@fold_act.register(ev.ProposalDropped)
def _(event: ev.ProposalDropped, state: "RunState", at: float) -> None:
    if state.wishes.waiting.pop(event.candidate_id, None):
        state.log(at, f"proposal {event.candidate_id[:6]} waits no more: the search went on without it")


@fold_act.register(ev.CaseMended)
def _(event: ev.CaseMended, state: "RunState", at: float) -> None:
    state.mends[event.case_id] = Mend(case_id=event.case_id, expected=event.expected)
    state.sizes = {**state.sizes, **event.sizes}
    known = state.turn is not None and state.turn.command_id == event.command_id
    state.turn = event
    if not known:  # a worker that begins again has the scores of the cases as they are now
        state.adopted.clear()
        state.forget_scores(event.splits)
        state.turn_to(event.start_id)
    what = "is dropped" if event.expected is None else f"expects now: {event.expected}"
    _done(state, at, event, f"case {event.case_id} {what} ({event.by})")


@fold_act.register(ev.LimitsSet)
def _(event: ev.LimitsSet, state: "RunState", at: float) -> None:
    before, state.limits = state.limits, event.limits
    names = [name for name in (*before, *event.limits) if before.get(name) != event.limits.get(name)]
    told = [_cap(name, event.limits.get(name)) for name in dict.fromkeys(names)]
    if told:
        _done(state, at, event, f"{', '.join(told)} ({event.by})")


def _cap(name: str, value: float | None) -> str:
    """A cap that was changed, in words: ``the cap on target calls is now 300``."""
    if value is None:
        return f"the cap on {words(name)} is lifted"
    return f"the cap on {words(name)} is now {value:,.15g}"


def words(cap: str) -> str:
    """The name of a cap in words: ``USD``, ``target calls``."""
    return " ".join("USD" if part == "usd" else part for part in cap.split("_"))


@fold_act.register(ev.ConcurrencySet)
def _(event: ev.ConcurrencySet, state: "RunState", at: float) -> None:
    state.concurrency[event.role] = event.most
    _done(state, at, event, f"at most {event.most} calls of the {event.role} model at once ({event.by})")


@fold_act.register(ev.ModelSet)
def _(event: ev.ModelSet, state: "RunState", at: float) -> None:
    if state.models_set[-1:] != [event]:
        state.models_set.append(event)
    name = str(event.settings.get("model", ""))
    info = ev.ModelInfo(
        model=name,
        endpoint=str(event.settings.get("base_url") or ""),
        input_price=event.input_price,
        output_price=event.output_price,
        simulated=name.startswith("sim/"),
        free=bool(event.settings.get("free")),
    )
    state.models = {**state.models, event.role: info}
    state.simulated = state.simulated or info.simulated
    _done(state, at, event, f"{name} is the {event.role} model from now on ({event.by})")


def points(comparison: Comparison) -> str:
    """A difference in percentage points, with its interval: ``+4.2 points [-1.0, +9.4]``."""
    gap = comparison.difference
    doubt = f", {comparison.doubt}" if comparison.doubt else ""
    return f"{gap.mean * 100:+z.1f} points [{gap.low * 100:+z.1f}, {gap.high * 100:+z.1f}]{doubt}"
