"""Figures that let a phase of a roll-out begin, or end it; each with its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from promptopt.domain.figures import usd
from promptopt.domain.text import one_line
from promptopt.enterprise.deployment.examples import PerUse
from promptopt.enterprise.deployment.offers import Figure, Offer
from promptopt.evaluation.falls import MARGIN, Scores, cases_to_hold, detectable_fall

Strategy = Literal["gradual", "pilot", "all_at_once"]

STRATEGIES: dict[Strategy, str] = {
    "gradual": "a pilot, then more people, then all",
    "pilot": "a pilot, and nothing more without a new decision",
    "all_at_once": "all people from the first day",
}

ADOPTION = 0.8
"""Share of a team that uses the prompt, from which a phase is a success. A goal, which nobody measured."""

TOO_FEW = 0.4
"""Share of a team below which a phase is stopped, to ask why. A goal, which nobody measured."""

USES = 1_000
"""Uses that a cost is told for."""

DEARER = 1.5
"""Cost of a use, against the measured one, from which spending is looked into."""

ASSUMED = "a goal, not a measurement: change it to yours"


@dataclass(frozen=True)
class Criterion:
    """A condition that can be looked up, and where its figure comes from."""

    text: str
    source: str


@dataclass(frozen=True)
class Watched:
    """What the plan knows of a prompt beside the offer; each may be missing.

    Attributes:
        scores: of the cases that its figure was measured on.
        per_use: what a use took.
        categories: error categories that were seen in the test, with their numbers.
        command: the line that monitors it.
    """

    scores: Scores | None = None
    per_use: PerUse | None = None
    categories: Mapping[str, int] | None = None
    command: str = "promptopt monitor DEPLOYMENT --cases fresh.csv"


@dataclass(frozen=True)
class Wishes:
    """What a person says of the roll-out.

    Attributes:
        teams: in the order in which they get it.
        start: first day.
        owner: who answers for the prompt.
        margin: fall of the score that does not matter.
        adoption: goal, as a share of a team.
        several: the plan is about more than one prompt.
    """

    teams: tuple[str, ...] = ()
    strategy: Strategy = "gradual"
    start: date | None = None
    owner: str = ""
    margin: float = MARGIN
    adoption: float = ADOPTION
    several: bool = False

    def of(self, offer: Offer) -> str:
        """What a sentence about one of several prompts begins with."""
        return f"{one_line(offer.name, 60)}: " if self.several else ""


def proof(offer: Offer, wishes: Wishes) -> list[Criterion]:
    """Why the prompt may be given out at all."""
    if offer.insisted and offer.advice != "deploy":
        said = f"{wishes.of(offer)}whoever chose it despite the advice has signed for it."
        return [Criterion(said, f"advice: {offer.headline}")]
    return [
        Criterion(f"{wishes.of(offer)}better than the prompt before, {offer.gain}.", f"run {offer.run_id}")
    ]


def passed(offer: Offer, wishes: Wishes, watched: Mapping[str, Watched]) -> list[Criterion]:
    """What lets the next phase begin."""
    known = watched.get(offer.name, Watched())
    figure = offer.given.figure
    said = [Criterion(f"{wishes.of(offer)}no monitoring has said that it has fallen.", "promptopt monitor")]
    if figure is None:
        return said
    needed = cases_to_hold(known.scores, wishes.margin) if known.scores else None
    margin = f"{wishes.margin * 100:g} points"
    text = f"{wishes.of(offer)}scored on at least {figure.n} fresh cases."
    if needed is not None:
        text = (
            f"{wishes.of(offer)}scored on fresh cases. {needed} of them show in four of five times that it "
            f"holds within {margin}, if it does."
        )
    elif known.scores is not None:
        text += f" No number of them can show that it holds within {margin}, for its test had {figure.n}."
    return [*said, Criterion(text, figure.source)]


def stops(offer: Offer, wishes: Wishes, watched: Mapping[str, Watched]) -> list[Criterion]:
    """What ends a phase."""
    known, figure = watched.get(offer.name, Watched()), offer.given.figure
    said: list[Criterion] = []
    if figure is not None:
        said.append(_below(offer, figure, wishes, known))
    seen = known.categories
    if seen is not None:
        listed = ", ".join(seen) or "no failure"
        said.append(
            Criterion(
                f"{wishes.of(offer)}two or more fresh cases fail in a way that the test did not have (it had "
                f"{listed}), and a person finds them to be real.",
                figure.source if figure else "its test",
            )
        )
    return [*said, _spend(offer, wishes, known)]


def _below(offer: Offer, figure: Figure, wishes: Wishes, known: Watched) -> Criterion:
    fall = detectable_fall(known.scores, 20, wishes.margin) if known.scores else None
    shows = f" 20 fresh cases can show a fall of {fall * 100:.0f} points or more." if fall else ""
    return Criterion(
        f"{wishes.of(offer)}the monitoring says that it has fallen (exit status 1: by more than "
        f"{wishes.margin * 100:g} points, tested), or scores below {figure.low:.1%}, the lower bound of its "
        f"{figure.where}, twice in a row.{shows}",
        figure.source,
    )


def _spend(offer: Offer, wishes: Wishes, known: Watched) -> Criterion:
    use = known.per_use
    if use is None or use.usd is None:
        said = f"{wishes.of(offer)}a use costs more than you have set aside."
        return Criterion(said, "its price is unknown")
    if use.usd == 0:
        said = f"{wishes.of(offer)}a use costs anything at all; it was free."
        return Criterion(said, f"run {offer.run_id}")
    many = use.usd * USES
    return Criterion(
        f"{wishes.of(offer)}{USES:,} uses cost more than {usd(many * DEARER)}, over a week.",
        f"{DEARER:g} times the {usd(many)} that the {use.n} test cases of run {offer.run_id} come to",
    )


def adoption(wishes: Wishes) -> Criterion:
    """How many people must use it."""
    return Criterion(
        f"At least {wishes.adoption:.0%} of the people of the phase used it in its last week "
        "(promptopt adoption).",
        ASSUMED,
    )


def too_few(wishes: Wishes) -> Criterion:
    """How few users end a phase."""
    least = min(TOO_FEW, wishes.adoption / 2)
    return Criterion(
        f"After two weeks less than {least:.0%} of the people use it: stop and ask them why.", ASSUMED
    )
