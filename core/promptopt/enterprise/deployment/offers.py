"""What could be given to a team: the prompt that was found or the one before it, and which of the two."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from promptopt.domain.dataset import Example
from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.prompt import OptimizedPrompt, Prompt
from promptopt.domain.results import interval_name
from promptopt.domain.text import one_line
from promptopt.domain.words import Split
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.subject import Subject, subject_of
from promptopt.evaluation.constraints import build_task
from promptopt.runs.assets import columns_of
from promptopt.runs.candidates import find_candidate
from promptopt.runs.library import best_of
from promptopt.runs.state import RunState, fold
from promptopt.runs.summary import failures_of, score_on
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import RunRow, Runs

Advice = Literal["deploy", "keep", "wait"]
"""Give out the new prompt; keep the one before; give out nothing until there is a sealed test."""

LOOKS: dict[Advice, tuple[str, str]] = {
    "deploy": ("Deploy the new prompt.", "good"),
    "keep": ("Do not deploy the new prompt: keep the one before.", "bad"),
    "wait": ("Do not deploy yet: nothing is proven.", "warn"),
}


_BUSINESS = {
    "against": "Do not deploy the new prompt: it is better, and it does not pay. Keep the one before.",
    "not shown": "The new prompt is better; that it pays is not shown. Decide by your own figures.",
}
"""What is said of a better prompt if a business case does not recommend it."""


@dataclass(frozen=True)
class Figure:
    """A score with its 95 % interval, all in [0, 1], and where it was measured."""

    score: float
    low: float
    high: float
    n: int
    passed: int
    errors: int
    split: Split
    run_id: str
    simulated: bool

    def __str__(self) -> str:
        label = ", simulated" if self.simulated else ""
        return f"{self.score:.1%} [{self.low:.1%}, {self.high:.1%}] on {self.n} {self.where} cases{label}"

    @property
    def where(self) -> str:
        return "sealed test" if self.split == "test" else self.split

    @property
    def source(self) -> str:
        return f"run {self.run_id}, {self.where}"


@dataclass(frozen=True)
class Side:
    """A prompt, and its figure if it has one: on the sealed test, else on the cases it was chosen by."""

    prompt: OptimizedPrompt
    figure: Figure | None


@dataclass(frozen=True)
class Offer:
    """A prompt that is offered to a team.

    Attributes:
        name: what the team calls it.
        new: the prompt that was found, or that somebody chose.
        before: the prompt that it started from; None if that is not known.
        advice: whether to give it out; ``why`` says why, a sentence each.
        insisted: somebody chose the prompt, whatever the advice.
        context: the business that it is for.
        business: what a business case says of rolling it out; empty: there was none.
    """

    name: str
    new: Side
    before: Side | None
    advice: Advice
    why: tuple[str, ...]
    insisted: bool = False
    context: BusinessContext | None = None
    business: str = ""

    def weighed(self, advice: str, reasons: Sequence[str]) -> "Offer":
        """This offer in the light of a business case: what is better and does not pay is not given out.

        Args:
            advice: as :mod:`promptopt.enterprise.case.advice` has it; ``reasons`` say why.
        """
        if self.advice != "deploy" or advice == "recommended":
            return self
        kept: Advice = "keep" if advice == "against" else "deploy"
        return replace(self, advice=kept, business=advice, why=(*self.why, *reasons))

    @property
    def same(self) -> bool:
        """Nothing better was found than the prompt that it started from."""
        return _same(self.about) and self.about.get("optimizer") != "none"

    @property
    def look(self) -> str:
        """The style of the advice: ``good``, ``warn`` or ``bad``."""
        return "warn" if self.business == "not shown" or self.same else LOOKS[self.advice][1]

    @property
    def given(self) -> Side:
        """The prompt that is given out."""
        if self.insisted or self.advice == "deploy" or self.before is None:
            return self.new
        return self.before

    @property
    def gives_new(self) -> bool:
        return self.given is self.new

    @property
    def about(self) -> Mapping[str, Any]:
        """Metadata of the prompt that was found."""
        return self.new.prompt.metadata

    @property
    def run_id(self) -> str:
        return str(self.about.get("run_id") or "")

    @property
    def simulated(self) -> bool:
        return bool(self.about.get("simulated"))

    @property
    def headline(self) -> str:
        """The advice in a sentence."""
        said = _BUSINESS.get(self.business, LOOKS[self.advice][0])
        if self.same:
            said = "There is no new prompt: keep the one that you have."
        if self.simulated:
            said = f"A rehearsal on simulated models; on real ones this would say: {said}"
        if self.insisted and self.advice != "deploy":
            return f"{said} Somebody has chosen this prompt all the same."
        return said

    @property
    def subject(self) -> Subject:
        """What there is to say of the prompt that is given out."""
        return subject_of(self.given.prompt, self.context, self.name, ())

    @property
    def gain(self) -> str:
        """The difference between the two in words; empty if it was not measured."""
        gap = cast("Mapping[str, Any] | None", self.about.get("comparison"))
        if not gap:
            return ""
        low, high = gap["interval"]
        label = ", simulated" if self.simulated else ""
        return (
            f"{gap['difference'] * 100:+z.1f} points, {_interval_name(gap)} "
            f"[{low * 100:+z.1f}, {high * 100:+z.1f}], {gap['n']} sealed test cases, run {self.run_id}{label}"
        )


def offer_of(
    prompt: Prompt,
    name: str = "",
    *,
    context: BusinessContext | Mapping[str, Any] | None = None,
) -> Offer:
    """An offer of what an optimizer gave back: all figures are those of its ``metadata``.

    Args:
        name: what the team calls it; default: the first line of the task.
        context: default: that of the metadata.

    Raises:
        SettingsError: it is no prompt, or an empty one.
    """
    if not isinstance(prompt, Prompt):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SettingsError(
            f"found a {type(prompt).__name__}, expected a prompt", fix="give what optimize() returned"
        )
    new = prompt if isinstance(prompt, OptimizedPrompt) else OptimizedPrompt(**dict(prompt))
    if not new.text.strip() and not new.demonstrations:
        raise SettingsError("the prompt is empty, so there is nothing to give to a team")
    about = new.metadata
    advice, why = _advice(about)
    given = None if context is None else _told_of(BusinessContext.of(context), new)
    offer = Offer(
        name=name or subject_of(new, given, "", ()).title,
        new=Side(new, _figure(about, about)),
        before=_before(about),
        advice=advice,
        why=tuple(why),
        context=given,
    )
    worth = cast("Mapping[str, Any] | None", about.get("business"))
    return offer.weighed(worth["advice"], worth["reasons"]) if worth else offer


def offer_of_run(
    database: Database,
    row: RunRow,
    candidate: str | None = None,
    name: str = "",
    context: BusinessContext | None = None,
) -> Offer:
    """An offer of what a run found.

    Args:
        candidate: as :func:`promptopt.runs.candidates.find_candidate` takes it; None is the best, and then
            the advice decides between it and the prompt before.

    Raises:
        RunError: the run is under way, plays a tournament, or has no prompt.
    """
    state = fold(RunLog(database, row.id))
    if row.live:
        raise RunError(
            f"run {row.id} is still {row.status}",
            fix=f"wait for its end, or end it: promptopt stop {row.id}",
        )
    best = best_of(database, state)
    about = {**best.metadata, "task": _task(database, row), "project": row.project}
    name = name or one_line(row.project, 120)
    if candidate is None:
        return offer_of(best.model_copy(update={"metadata": about}), name, context=context)
    chosen = find_candidate(state, row.id, candidate)
    found = Cells(database, row.id).prompt(chosen)
    if found is None:
        raise RunError(f"{state.name(chosen)} of run {row.id} was never scored", fix="choose another one")
    if chosen != state.best_id:
        about = {**about, **_of_candidate(state, chosen)}
    insisted = OptimizedPrompt(text=found.text, demonstrations=found.demonstrations, metadata=about)
    offer = offer_of(insisted, name, context=context)
    return replace(offer, insisted=True)


def _of_candidate(state: RunState, chosen: str) -> dict[str, Any]:
    """Of a candidate that is not the best: its own figures, and no claim."""
    one = state.candidates[chosen]
    note = "it was not put to the sealed test"
    if chosen == state.seed_id:
        note = "it is the prompt that the run started from"
    return {
        "candidate_id": chosen,
        "validation": score_on(one, "validation"),
        "test": score_on(one, "test"),
        "comparison": None,
        "test_note": note,
        "failures": failures_of(one),
        "must_pass_broken": [],
    }


def _task(database: Database, row: RunRow) -> dict[str, Any]:
    settings = Runs(database).settings(row.id)
    rules = [
        {"name": rule.name, "description": rule.description, "hard": rule.hard}
        for rule in build_task(settings).constraints
    ]
    columns = list(columns_of(database, row.id))
    return {"description": settings.task.description, "columns": columns, "rules": rules}


def _advice(about: Mapping[str, Any]) -> tuple[Advice, list[str]]:
    """What to do, and why; what is not proven is not recommended."""
    gap = cast("Mapping[str, Any] | None", about.get("comparison"))
    same = _same(about) and about.get("optimizer") != "none"
    rehearsal = ["The models were simulated: this is a rehearsal, and says nothing about a real one."]
    first = rehearsal if about.get("simulated") else []
    if about.get("optimizer") in ("none", "tournament"):
        return "wait", [
            *first,
            "The run compared it with no prompt before on a sealed test: it only scored it.",
        ]
    if same:
        return "keep", [*first, "The run found nothing better than the prompt that it started from."]
    if gap is None:
        note = one_line(str(about.get("test_note") or "there was no sealed test"), 300)
        return "wait", [*first, f"No sealed test compared it with the prompt before: {note}."]
    low, high = (f"{bound * 100:+z.1f}" for bound in gap["interval"])
    points = f"{gap['difference'] * 100:+z.1f} points"
    figures = f"{points}, {_interval_name(gap)} [{low}, {high}]{_doubt(gap)}, {gap['n']} cases"
    broken = [one_line(str(case), 60) for case in about.get("must_pass_broken") or ()]
    if broken:
        listed = ", ".join(broken[:5])
        said = f"It breaks {len(broken)} of the cases that must pass ({listed}), and is {gap['verdict']}."
        return "keep", [*first, said]
    if gap["verdict"] == "better":
        return "deploy", [*first, f"It is better than the prompt before on the sealed test: {figures}."]
    if gap["verdict"] == "worse":
        return "keep", [*first, f"It is worse than the prompt before on the sealed test: {figures}."]
    said = f"The sealed test could not tell it from the prompt before: {figures}."
    return "keep", [*first, said, "More sealed cases could show whether there is a gain."]


def _interval_name(gap: Mapping[str, Any]) -> str:
    return interval_name(int(gap.get("together") or 1))


def _doubt(gap: Mapping[str, Any]) -> str:
    """The p-value where the interval alone would see a difference, and the test does not: it decides."""
    low, high = gap["interval"]
    if gap["verdict"] != "not distinguishable" or low <= 0 <= high:
        return ""
    p = gap["p_value"] if gap.get("p_adjusted") is None else gap["p_adjusted"]
    return f", p = {p:.2g}"


def _told_of(context: BusinessContext, prompt: Prompt) -> BusinessContext:
    """A context that is given afterwards: of its compliance notes those that the prompt does tell a model."""
    told = tuple(note for note in context.compliance if note in prompt.text)
    return context.model_copy(update={"compliance": told})


def _same(about: Mapping[str, Any]) -> bool:
    seed = cast("Mapping[str, Any] | None", about.get("seed"))
    return seed is not None and seed.get("candidate_id") == about.get("candidate_id")


def _before(about: Mapping[str, Any]) -> Side | None:
    """The prompt that the run started from, with what is known of it."""
    seed = cast("Mapping[str, Any] | None", about.get("seed"))
    if not seed or _same(about):
        return None
    shown = [
        Example(id=f"demonstration {number}", inputs=demo["inputs"], expected=demo["output"])
        for number, demo in enumerate(seed["demonstrations"], 1)
    ]
    own = {
        **{key: about[key] for key in ("run_id", "project", "simulated", "task") if key in about},
        "optimizer": "none",
        "candidate_id": seed["candidate_id"],
        "validation": seed["validation"],
        "test": seed["test"],
        "failures": seed["failures"],
        "test_note": "it is the prompt from which the search began",
    }
    prompt = OptimizedPrompt(text=seed["prompt"], demonstrations=tuple(shown), metadata=own)
    return Side(prompt, _figure(own, about))


def _figure(scores: Mapping[str, Any], about: Mapping[str, Any]) -> Figure | None:
    splits: tuple[Split, ...] = ("test", "validation")
    for split in splits:
        found = cast("Mapping[str, Any] | None", scores.get(split))
        if found and found["n"]:
            return Figure(
                score=found["score"],
                low=found["low"],
                high=found["high"],
                n=found["n"],
                passed=found["passed"],
                errors=found.get("errors", 0),
                split=split,
                run_id=str(about.get("run_id") or "?"),
                simulated=bool(about.get("simulated")),
            )
    return None
