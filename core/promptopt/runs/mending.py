"""People mend cases while a run goes on: what a case expects is put right, or it is dropped.

All that was answered is judged anew, from the journal; nothing is asked again of the target model. The search
begins anew from the prompt that it stands on.
"""

from collections.abc import Callable, Mapping

from promptopt.domain import events as ev
from promptopt.domain.dataset import Dataset, Split
from promptopt.domain.mending import Mend as Mending
from promptopt.domain.mending import mended
from promptopt.domain.words import SPLITS
from promptopt.runs.context import Context
from promptopt.runs.voice import Handler, Voice, When
from promptopt.store.commands import Command, Mend, Sent

SEARCHED: tuple[Split, ...] = ("train", "validation")

FEWEST = 2
"""Cases that a split must keep: fewer say nothing."""


class Mender:
    """Carries mends out.

    Args:
        when: whether the run searches.
        busy: whether people's own prompts are being scored.
    """

    def __init__(
        self, engine: Voice, context: Context, when: Callable[[], When], busy: Callable[[], bool]
    ) -> None:
        self._engine = engine
        self._context = context
        self._when = when
        self._busy = busy
        self.handlers: Mapping[type[Command], Handler] = {Mend: self._mend}

    def _mend(self, sent: Sent, command: Mend) -> str | None:
        state, context = self._engine.state, self._context
        if state.version and not state.has_search:
            return "only a run that searches can go on from other cases"
        when = self._when()
        if when != "search":
            return None if when == "early" else "the search is over"
        if context.redirects.turns or self._busy():
            return None  # one after the other
        if state.edit and state.edit.waiting:
            return "an edit waits for an answer: answer it first"
        fault = _fault(context.dataset, command)
        if fault:
            return fault
        splits: list[Split] = [s for s in SPLITS if any(c.id == command.case_id for c in context.dataset[s])]
        mend = Mending(case_id=command.case_id, expected=command.expected)
        dataset = mended(context.dataset, [mend])
        sizes: dict[Split, int] = {split: len(dataset[split]) for split in splits}
        self._engine.emit(
            ev.CaseMended(
                case_id=command.case_id,
                expected=command.expected,
                splits=splits,
                sizes=sizes,
                turn=1 + (state.turn.turn if state.turn else 1),
                start_id=state.current_id,
                iteration=state.iteration,
                by=sent.author,
                reason=command.reason,
                command_id=sent.id,
            )
        )
        context.turn(dataset)
        what = "dropped" if command.expected is None else "mended"
        return f"{what}; all candidates are judged anew, and the search begins anew from the current prompt"

    async def scores_anew(self) -> None:
        """Judge all answers to mended cases anew, and tell the scores of all candidates."""
        state, context = self._engine.state, self._context
        await context.scoring.settled()
        for candidate_id in list(state.candidates):
            for split in SEARCHED:
                prompt = context.prompt(candidate_id)
                await context.scoring.judge_anew(prompt, split, context.dataset[split], state.mends)


def _fault(dataset: Dataset, command: Mend) -> str:
    """Why a case can't be mended so; empty if it can."""
    found = [case for case in dataset.cases() if case.id == command.case_id]
    if not found:
        return f"there is no training or validation case {command.case_id}; the sealed test is not touched"
    if command.expected is not None:
        return "that is what it expects already" if found[0].expected == command.expected else ""
    for split in SEARCHED:
        if any(case.id == command.case_id for case in dataset[split]) and len(dataset[split]) <= FEWEST:
            return f"the {split} split would have too few cases without it"
    return ""
