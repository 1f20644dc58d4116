"""Writing a group: what each variant is to do, from where things stand, and the request for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Cluster, Evaluation, Feedback
from promptopt.domain.text import one_line
from promptopt.evaluation.clusters import Evidence
from promptopt.evaluation.feedback import analyze, render_feedback
from promptopt.optimizers.base import RunContext
from promptopt.optimizers.grpo import distilling, wording
from promptopt.optimizers.grpo.operators import Operator
from promptopt.optimizers.grpo.options import GrpoOptions
from promptopt.optimizers.grpo.proposing import Limits, Variant, propose
from promptopt.optimizers.grpo.state import State
from promptopt.optimizers.proposals import Rules, guarded_answers

NEAR_DUPLICATE = 0.97
"""Word similarity to a prompt already tried, from which a variant repeats it."""

LESSONS_AT_ONCE = 3
LESSON_SLOTS = 2
"""Variants of a group that apply lessons, at most: each another choice of them, so that each is credited."""

SHORTEST_TO_SHORTEN = 400
"""Characters from which a prompt may have something to leave out."""

DOUBT = 0.05
"""Standard deviation, in reward, of what a lesson may bring that was never used."""


@dataclass(frozen=True)
class Written:
    """A group as it was written.

    Attributes:
        parent: the prompt that its variants come from.
        variants: those that can be used.
    """

    parent: Prompt
    variants: list[Variant]


class Writer:
    """Writes groups.

    Args:
        state: it draws from the state's dice.
        cases: training cases by id.
    """

    def __init__(
        self, context: RunContext, options: GrpoOptions, state: State, cases: Mapping[str, Example]
    ) -> None:
        self._context = context
        self._options = options
        self._state = state
        self._cases = cases

    async def write(self, number: int, parent: Prompt, on_train: Evaluation) -> Written:
        """Write the group of that number.

        Args:
            on_train: the parent on training cases.
        """
        evidence = Evidence(solved=self._state.pool.solved(parent.id), vain=dict(self._state.vain))
        feedback = analyze(on_train, self._cases, evidence=evidence)
        self._context.feedback(feedback)
        partner = self._state.pool.partner(parent)
        clusters = [cluster for cluster in feedback.clusters if cluster.category != "error"]
        slots = self._slots(parent, partner, clusters, feedback.total)
        brief = self._brief(parent, partner, on_train, feedback)
        limits = Limits(self._rules(), self._options.distance_max, self._options.tries)
        found = await propose(self._context, number, brief, slots, self._state.tried, limits)
        return Written(parent, found)

    def longest(self) -> int:
        """Characters that a variant may have."""
        first = len(self._state.anchor.text)
        return max(int(first * self._options.max_growth), first + self._options.room)

    @property
    def progress(self) -> float:
        """How far the search is, from 0 to 1."""
        return self._state.iteration / max(1, self._options.max_iterations - 1)

    def _slots(
        self, parent: Prompt, partner: Prompt | None, clusters: Sequence[Cluster], total: int
    ) -> list[wording.Slot]:
        count = self._options.group - 1
        room: dict[Operator, int] = {
            "lessons": LESSON_SLOTS if len(self._state.library) else 0,
            "patch": len(clusters),
            "merge": 1 if partner else 0,
            "shorten": 1 if len(parent.text) >= SHORTEST_TO_SHORTEN else 0,
        }
        if self._state.lost:  # the last group could not be told apart: make the next one differ more
            room = {"patch": min(len(clusters), count // 2)}
        dice = self._state.dice
        drawn = self._state.bandit.draw(count, room, dice)
        aims = iter(clusters)
        slots: list[wording.Slot] = []
        for number, operator in enumerate(drawn, start=1):
            cluster = next(aims) if operator == "patch" else None
            slots.append(
                wording.Slot(
                    number=number,
                    operator=operator,
                    aim=_aim(cluster, total) if cluster else "",
                    cluster=cluster.key if cluster else "",
                    lessons=self._lessons() if operator == "lessons" else (),
                )
            )
        return slots

    def _lessons(self) -> tuple[str, ...]:
        """Lessons for one variant to apply: those that a draw from what is believed of them puts first."""
        dice = self._state.dice
        drawn = {
            lesson.id: dice.gauss(lesson.credit, DOUBT / (lesson.uses + 1) ** 0.5)
            for lesson in self._state.library.items
        }
        chosen = sorted(drawn, key=lambda name: -drawn[name])[:LESSONS_AT_ONCE]
        return tuple(name for name in drawn if name in chosen)

    def _brief(
        self, parent: Prompt, partner: Prompt | None, on_train: Evaluation, feedback: Feedback
    ) -> wording.Brief:
        return wording.Brief(
            task=self._context.task,
            placeholders=self._state.anchor.placeholders(self._columns()),
            parent=parent,
            score=on_train.score,
            feedback=render_feedback(feedback, self._cases, on_train, max_chars=self._options.feedback_chars),
            partner=partner,
            lessons=self._state.library.items,
            history=self._state.history,
            recent=self._options.recent,
            target=self._state.trust.target(self.progress),
            max_chars=self.longest(),
        )

    def _columns(self) -> list[str]:
        return list(self._context.dataset.train[0].inputs)

    def _rules(self) -> Rules:
        dataset, task, anchor = self._context.dataset, self._context.task, self._state.anchor
        known = "\n".join([anchor.text, task.description, str(task.output_format)])
        return Rules(
            columns=self._columns(),
            placeholders=anchor.placeholders(self._columns()),
            max_chars=self.longest(),
            guarded=dataset.validation if dataset.held_back else (),
            answers=guarded_answers(dataset, known),
            secret=(wording.SYSTEM, distilling.SYSTEM),
            protected=tuple(text for text in self._options.protected if text in anchor.text),
            near_duplicate=NEAR_DUPLICATE,
        )


def _aim(cluster: Cluster, total: int) -> str:
    count = f"{len(cluster.case_ids)} of {total} training cases fail like this"
    return f"{one_line(cluster.key, 200)} ({count})"
