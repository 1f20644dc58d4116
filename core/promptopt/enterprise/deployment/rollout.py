"""The plan of a roll-out: phases with dates, and with figures that let them begin or end them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from promptopt.domain.errors import SettingsError
from promptopt.domain.text import one_line
from promptopt.enterprise.deployment.criteria import (
    STRATEGIES,
    Criterion,
    Strategy,
    Watched,
    Wishes,
    adoption,
    passed,
    proof,
    stops,
    too_few,
)
from promptopt.enterprise.deployment.offers import Offer
from promptopt.evaluation.falls import cases_to_hold

ALIASES: dict[str, Strategy] = {
    "immediate": "all_at_once",
    "all": "all_at_once",
    "pilot_only": "pilot",
    "phased": "gradual",
}

PILOT_DAYS, WIDER_DAYS, WATCH_DAYS = 14, 14, 28
PILOT_PEOPLE = 5


@dataclass(frozen=True)
class Phase:
    """One step.

    Attributes:
        who: the teams, in words.
        begins, ends: days, ISO; ``ends`` is empty for the last phase, which goes on.
        enter: all of these hold before it begins.
        leave: all of these hold before the next one begins.
        stop: one of these is enough to go back.
        todo: who does what.
    """

    name: str
    who: str
    begins: str
    ends: str
    enter: tuple[Criterion, ...]
    leave: tuple[Criterion, ...]
    stop: tuple[Criterion, ...]
    todo: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """What is to become of one prompt.

    Attributes:
        deploy: it is rolled out: advised, or chosen by somebody all the same.
        headline, why: in words.
        new, before: figures in words, empty if there is none.
        gain: the difference in words.
        run_id, prompt_id: of the prompt that is given out.
    """

    name: str
    deploy: bool
    headline: str
    why: tuple[str, ...]
    new: str
    before: str
    gain: str
    run_id: str
    prompt_id: str
    simulated: bool


@dataclass(frozen=True)
class RolloutPlan:
    """A phased plan for one or several prompts; see :func:`plan_of`.

    Attributes:
        phases: empty if no prompt is to be given out.
        rollback: steps back to the prompt before.
        owners: role to person; an empty name is to be filled in.
        notes: what a reader must know.
    """

    title: str
    strategy: Strategy
    decisions: tuple[Decision, ...]
    phases: tuple[Phase, ...]
    rollback: tuple[str, ...]
    owners: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def go(self) -> bool:
        """Some prompt is to be given out."""
        return bool(self.phases)

    @property
    def simulated(self) -> bool:
        return any(one.simulated for one in self.decisions)

    def as_json(self) -> dict[str, Any]:
        """In JSON values."""
        return {**asdict(self), "go": self.go, "simulated": self.simulated}

    def markdown(self) -> str:
        """As a document."""
        from promptopt.enterprise.deployment.planpages import plan_markdown

        return plan_markdown(self)

    def html(self) -> str:
        """As one page that loads nothing."""
        from promptopt.enterprise.deployment.planpages import plan_html

        return plan_html(self)

    def __str__(self) -> str:
        return self.markdown()

    def _repr_markdown_(self) -> str:
        return self.markdown()


def strategy_of(wanted: str) -> Strategy:
    """A strategy by its name or by another word for it.

    Raises:
        SettingsError: there is no such strategy.
    """
    plain = wanted.strip().lower().replace("-", "_").replace(" ", "_")
    plain = ALIASES.get(plain, plain)
    if plain not in STRATEGIES:
        known = "; ".join(f"{name}: {what}" for name, what in STRATEGIES.items())
        raise SettingsError(f"there is no strategy {one_line(wanted, 60)!r}", fix=f"take one of {known}")
    return plain


def next_monday(today: date) -> date:
    """The first Monday after a day."""
    return today + timedelta(days=7 - today.weekday())


def plan_of(
    offers: Sequence[Offer],
    wishes: Wishes,
    watched: Mapping[str, Watched] | None = None,
    title: str = "",
) -> RolloutPlan:
    """Make a plan.

    A prompt that is not proven to be better gets no phase, unless somebody chose it all the same.

    Args:
        offers: at least one.
        watched: by the name of the offer.

    Raises:
        SettingsError: there is no offer.
    """
    if not offers:
        raise SettingsError("there is no prompt to plan a roll-out for", fix="give at least one")
    known = watched or {}
    wishes = replace(wishes, several=len(offers) > 1)
    given = [offer for offer in offers if _rolled_out(offer)]
    return RolloutPlan(
        title=one_line(title or ", ".join(offer.name for offer in offers), 200),
        strategy=wishes.strategy,
        decisions=tuple(_decision(offer) for offer in offers),
        phases=tuple(_phases(given, wishes, known)) if given else (),
        rollback=tuple(_rollback(given)),
        owners=_owners(wishes),
        notes=tuple(_capital(note) for note in _notes(offers, wishes, known)),
    )


def _rolled_out(offer: Offer) -> bool:
    return offer.insisted or offer.advice == "deploy"


def _decision(offer: Offer) -> Decision:
    before = offer.before
    return Decision(
        name=one_line(offer.name, 120),
        deploy=_rolled_out(offer),
        headline=offer.headline,
        why=offer.why,
        new=str(offer.new.figure or ""),
        before=str(before.figure or "") if before else "",
        gain=offer.gain,
        run_id=offer.run_id,
        prompt_id=offer.given.prompt.id,
        simulated=offer.simulated,
    )


def _phases(offers: Sequence[Offer], wishes: Wishes, watched: Mapping[str, Watched]) -> list[Phase]:
    teams = [one_line(team, 80) for team in wishes.teams]
    first = teams[0] if teams else "the first team"
    pilot = f"about {PILOT_PEOPLE} people of {first}"
    everybody = ", ".join(teams) if teams else "all teams"
    start = wishes.start or next_monday(date.today())
    wider = start + timedelta(days=PILOT_DAYS)
    whole = wider + timedelta(days=WIDER_DAYS)
    stop = [criterion for offer in offers for criterion in stops(offer, wishes, watched)]
    base = [criterion for offer in offers for criterion in proof(offer, wishes)]
    enough_said = [criterion for offer in offers for criterion in passed(offer, wishes, watched)]
    ready = [
        *base,
        Criterion("Every owner below has a name.", "this plan"),
        Criterion("The monitoring line has run once, and its message has arrived.", "monitoring/README.md"),
        Criterion("The prompt before is at hand, and going back was tried once.", "the folder before/"),
    ]  # fmt: skip
    holds = [*enough_said, adoption(wishes)]
    to_stop = (*stop, too_few(wishes))
    if wishes.strategy == "all_at_once":
        return [_phase("All", everybody, (start, None), ready, [], to_stop)]
    phases = [_phase("Pilot", pilot, (start, wider), ready, holds, to_stop)]
    if wishes.strategy == "gradual":
        rest = ", ".join([f"all of {first}", *teams[1:2]])
        phases += [
            _phase("Wider", rest, (wider, whole), [_BEFORE], holds, to_stop),
            _phase("All", everybody, (whole, None), [_BEFORE], [], to_stop),
        ]
    return phases


def _phase(
    name: str,
    who: str,
    days: tuple[date, date | None],
    enter: Sequence[Criterion],
    leave: Sequence[Criterion],
    stop: Sequence[Criterion],
) -> Phase:
    return Phase(
        name=name,
        who=who,
        begins=days[0].isoformat(),
        ends=days[1].isoformat() if days[1] else "",
        enter=tuple(map(_sentence, enter)),
        leave=tuple(map(_sentence, leave)),
        stop=tuple(map(_sentence, stop)),
        todo=tuple(_TODO[name]),
    )


_BEFORE = Criterion(
    "What the phase before asks for has been met, and the prompt owner has said so.", "this plan"
)

_TODO = {
    "Pilot": (
        "Team lead: name the people, and tell them why and until when.",
        "Trainer: go through the training guide with them, exercises included (about 45 minutes).",
        "Prompt owner: set up the monitoring, and read its first message.",
        "Data owner: collect fresh cases with the right answers each week, and keep the usage log.",
        "Prompt owner: read the feedback form each week, and decide at the end by the figures below.",
    ),
    "Wider": (
        "Team lead: have the people of the pilot show it to the others.",
        "Trainer: repeat the training, with the questions of the pilot.",
        "Data owner: go on with fresh cases, now also of the new people.",
        "Prompt owner: write the monthly report, and decide by the figures below.",
    ),
    "All": (
        "Team lead: tell everybody, with the reference card.",
        "Prompt owner: let the monitoring run on a schedule, and look at it each month.",
        "Prompt owner: after a change of the model or of the work, optimize and test anew.",
    ),
}


def _sentence(one: Criterion) -> Criterion:
    return replace(one, text=_capital(one.text))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _rollback(offers: Sequence[Offer]) -> list[str]:
    if not offers:
        return []
    kept = [offer for offer in offers if offer.before is not None and offer.gives_new]
    where = "the package, folder before/" if kept else "wherever it is used today"
    return [
        "Prompt owner: say that it is stopped, in the channel of the team, with the reason.",
        f"Put the prompt before back wherever the new one stands. It is in {where}, as it was scored.",
        "Tell the people from which time on answers of the new prompt are to be looked at again.",
        "Keep the cases that failed: they are the first ones of the next optimization.",
        "Go on only with a new sealed test.",
    ]


def _owners(wishes: Wishes) -> dict[str, str]:
    return {
        "Prompt owner": one_line(wishes.owner, 80),
        "Team lead": "",
        "Trainer": "",
        "Data owner": "",
    }


def _notes(offers: Sequence[Offer], wishes: Wishes, watched: Mapping[str, Watched]) -> list[str]:
    notes: list[str] = []
    if any(offer.simulated for offer in offers):
        notes.append("Simulated models: all figures are a rehearsal, and no reason to deploy anything.")
    for offer in offers:
        figure = offer.given.figure
        if figure is None:
            notes.append(f"{wishes.of(offer)}has no figure at all, so that nobody can see it fall.")
        elif figure.split != "test":
            notes.append(
                f"{wishes.of(offer)}its figure is of the cases that it was chosen by, which flatters it. "
                "A fall against it may be none."
            )
        elif _too_small(watched.get(offer.name), wishes):
            notes.append(
                f"{wishes.of(offer)}the sealed test had {figure.n} cases, too few to ever show that it "
                f"holds within {wishes.margin * 100:g} points. A larger test would, or a larger margin."
            )
    return notes


def _too_small(known: Watched | None, wishes: Wishes) -> bool:
    """Whether no number of fresh cases could show that the prompt holds."""
    scores = known.scores if known else None
    return scores is not None and cases_to_hold(scores, wishes.margin) is None
