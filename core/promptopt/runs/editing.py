"""People's prompts in a run: edits that the search goes on from, and prompts that stand beside it."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from promptopt.domain import events as ev
from promptopt.domain.guidance import objection
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Comparison
from promptopt.domain.stopping import StopRun
from promptopt.evaluation.statistics import compare
from promptopt.models.gateway import Gateway
from promptopt.runs.context import Context
from promptopt.runs.voice import Handler, Voice, When
from promptopt.store.commands import Command, Commands, Decide, Edit, Inject, Sent

INJECTED = "added"
"""How prompts are called that a person put in the running."""


class Editing:
    """Scores what people write, one after the other, beside whatever the search does.

    Args:
        when: whether the run searches.
    """

    def __init__(
        self,
        engine: Voice,
        context: Context,
        gateway: Gateway,
        commands: Commands,
        when: Callable[[], When],
    ) -> None:
        self._engine = engine
        self._context = context
        self._gateway = gateway
        self._commands = commands
        self._when = when
        self._scoring: dict[int, asyncio.Task[None]] = {}
        self._moved = asyncio.Event()
        self.handlers: Mapping[type[Command], Handler] = {
            Edit: self._edit,
            Inject: self._inject,
        }

    def scores(self, sent: Sent) -> bool:
        """The command is being carried out."""
        return sent.id in self._scoring

    @property
    def busy(self) -> bool:
        """Something is being scored."""
        return bool(self._scoring)

    def moved(self) -> None:
        """Something was asked of the run: look again whether there is a decision."""
        self._moved.set()

    async def edit_to_take(self) -> bool:
        """Wait until all is scored and every edit decided on; return whether one waits to be taken up.

        Waiting for a person is no running time.
        """
        while self._scoring or self._waiting_edit():
            self._moved.clear()
            if not self._scoring:
                self._engine.watch.pause()
            await self._moved.wait()
            if not self._gateway.gate.shut:
                self._engine.watch.go_on()
        return self._context.redirects.edit_waits

    async def give_up(self) -> None:
        """Score nothing any more; what was not scored to the end is asked for again by the next worker."""
        tasks = list(self._scoring.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _waiting_edit(self) -> bool:
        edit = self._engine.state.edit
        return edit is not None and edit.waiting

    def _refusal(self, prompt: Prompt) -> str | None:
        """Why a prompt can't be scored; empty if it must wait for that, None if it can be now."""
        state, when = self._engine.state, self._when()
        if not state.has_search:
            kind = "an evaluation" if state.optimizer == "none" else "a tournament"
            return f"{kind} has no search that could go on from it"
        if when == "early":
            return ""
        if when == "late":
            return "the search is over"
        if not prompt.text.strip():
            return "an empty prompt is not taken"
        return "" if self._scoring else None  # one after the other

    def _edit(self, sent: Sent, command: Edit) -> str | None:
        state = self._engine.state
        prompt = self._rewritten(command.text)
        refusal = self._refusal(prompt)
        if refusal is not None:
            return refusal or None
        if prompt.id == state.current_id:
            return "it is the prompt that the run goes on from already"
        if state.edit and state.edit.waiting:
            before = self._context.prompt(state.edit.candidate_id)
            self._settle(before, False, sent.author, "a newer edit took its place")
        self._begin(sent, self._score_edit(sent, command, prompt))
        return None

    def _inject(self, sent: Sent, command: Inject) -> str | None:
        prompt = self._rewritten(command.text)
        refusal = self._refusal(prompt)
        if refusal is not None:
            return refusal or None
        known = self._engine.state.candidates.get(prompt.id)
        injection = self._engine.state.injection
        unfinished = injection is not None and injection.command_id == sent.id
        if known and (known.validation or known.accepted is not None) and not unfinished:
            return f"it is in the running already: {known.name}"
        self._begin(sent, self._score_injection(sent, command, prompt))
        return None

    def _begin(self, sent: Sent, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._scoring[sent.id] = task
        task.add_done_callback(lambda _: self._scored(sent.id))

    def _rewritten(self, text: str) -> Prompt:
        """The prompt that the run goes on from with another text; its demonstrations stay."""
        current = self._engine.state.current_id
        demonstrations = self._context.prompt(current).demonstrations if current else ()
        return Prompt(text=text, demonstrations=demonstrations)

    def _scored(self, command_id: int) -> None:
        del self._scoring[command_id]
        self._moved.set()

    async def _compared(self, prompt: Prompt, against_id: str) -> tuple[Comparison, str]:
        """A prompt against another one on the validation cases, and which case it breaks that must pass."""
        cases = self._context.dataset.validation
        against = self._context.prompt(against_id)
        before = await self._context.scoring.score(against, "validation", cases, urgent=True)
        after = await self._context.scoring.score(prompt, "validation", cases, urgent=True)
        return compare(before, after), self._context.breaks(prompt)

    async def _score_edit(self, sent: Sent, command: Edit, prompt: Prompt) -> None:
        """Compare the edit with the prompt it would replace, then adopt it or ask."""
        state = self._engine.state
        against = state.current_id
        if prompt.id not in state.candidates:
            self._enter(prompt, against, f"edited by {sent.author}")
        self._engine.emit(
            ev.PromptEdited(
                candidate_id=prompt.id,
                against_id=against,
                by=sent.author,
                reason=command.reason,
                command_id=sent.id,
            )
        )
        try:
            comparison, broken = await self._compared(prompt, against)
        except (StopRun, Exception) as error:
            self._settle(prompt, False, sent.author, f"it could not be scored: {error}")
            self._commands.done(sent.id, f"could not be scored: {error}")
            return
        ask = command.adopt == "ask"
        self._engine.emit(
            ev.EditJudged(
                candidate_id=prompt.id,
                against_id=against,
                comparison=comparison,
                waiting=ask,
                breaks=broken,
                command_id=sent.id,
            )
        )
        if not ask:
            against_it = _against(comparison, broken)
            adopt = command.adopt == "always" or not against_it
            self._settle(prompt, adopt, sent.author, "" if adopt else against_it)
        # Last: a worker that dies before this line leaves the edit to the next one.
        self._commands.done(sent.id, comparison.verdict)

    async def _score_injection(self, sent: Sent, command: Inject, prompt: Prompt) -> None:
        """Score a prompt beside the search; it can win unless it is worse than the current one."""
        state = self._engine.state
        against = state.current_id
        if prompt.id not in state.candidates:
            self._enter(prompt, against, f"put in the running by {sent.author}", label=INJECTED)
        about: dict[str, Any] = {
            "candidate_id": prompt.id,
            "against_id": against,
            "command_id": sent.id,
        }
        self._engine.emit(ev.PromptInjected(**about, by=sent.author, reason=command.reason))
        try:
            comparison, broken = await self._compared(prompt, against)
        except (StopRun, Exception) as error:
            said = f"could not be scored: {error}"
            self._engine.emit(ev.InjectionJudged(**about, accepted=False, verdict=f"it {said}"))
            self._commands.done(sent.id, said)
            return
        fault = _against(comparison, broken)
        wish = objection(state.wishes.in_force, prompt.text)  # it may be taken back
        verdict = f"it can't win: {fault}" if fault else "it can win: it is not worse than the current prompt"
        if wish and not fault:
            verdict = f"it can't win as long as this is asked: {wish}"
        self._engine.emit(
            ev.InjectionJudged(**about, accepted=not fault, verdict=verdict, comparison=comparison)
        )
        self._commands.done(sent.id, comparison.verdict)

    def _enter(self, prompt: Prompt, parent_id: str, reasoning: str, label: str = "") -> None:
        self._context.propose(
            prompt,
            "human",
            iteration=self._engine.state.iteration,
            parent_id=parent_id,
            reasoning=reasoning,
            label=label,
        )

    def decide(self, sent: Sent, command: Decide) -> str:
        """Answer the edit that waits."""
        edit = self._engine.state.edit
        if edit is None or not edit.waiting or edit.candidate_id != command.candidate_id:
            return "no such edit or proposal is waiting"
        prompt = self._context.prompt(command.candidate_id)
        self._settle(prompt, command.adopt, sent.author, command.reason)
        return "adopted" if command.adopt else "put aside"

    def _settle(self, prompt: Prompt, adopt: bool, by: str, reason: str = "") -> None:
        self._engine.emit(ev.EditDecided(candidate_id=prompt.id, adopted=adopt, by=by, reason=reason))
        if adopt:
            self._context.adopt(prompt)


def _against(comparison: Comparison, broken: str) -> str:
    """What speaks against going on from a prompt, or letting it win; empty if nothing does."""
    return "it is worse" if comparison.verdict == "worse" else f"it {broken}" if broken else ""
