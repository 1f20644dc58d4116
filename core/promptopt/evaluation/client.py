"""One model, asked directly from a program: through the same gateway as the calls of a run.

So retries, limits, hard budgets and prices hold here as well. What is asked is kept in a store of the
client's own, which is thrown away with it: no run, and nothing to resume.
"""

import asyncio
import itertools
import os
import tempfile
import threading
import weakref
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from pydantic import ValidationError

from promptopt.domain.chat import LLMResponse
from promptopt.domain.compliance import ComplianceSettings
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import CallFailed, ModelError, SettingsError
from promptopt.domain.prompt import Message
from promptopt.domain.redaction import Redactor
from promptopt.domain.settings import BudgetSettings, ModelSettings, Price, ProjectSettings
from promptopt.domain.stopping import StopRun
from promptopt.domain.text import half_character, one_line
from promptopt.evaluation.boxes import Boxes
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.asking import Pairwise, read_winner
from promptopt.evaluation.checks.base import Tools
from promptopt.evaluation.together import together
from promptopt.models.budget import Ledger, Stopwatch
from promptopt.models.endpoint import Endpoint
from promptopt.models.gateway import Gateway
from promptopt.models.keys import missing_key, redirected
from promptopt.models.litellm_transport import LiteLLMTransport
from promptopt.models.prices import CostTracker, lookup_price
from promptopt.models.shield import Shield
from promptopt.models.simulator import Simulator
from promptopt.models.simulator.rehearsal import Rehearsal
from promptopt.models.transport import Transport
from promptopt.store.database import Database
from promptopt.store.journal import Journal
from promptopt.store.runs import Runs

T = TypeVar("T")

_ANYBODY = Dataset(train=(Example(id="none", inputs={"input": ""}),), validation=(), held_back=False)
_numbers = itertools.count(1)


@dataclass(frozen=True)
class JudgmentResult:
    """What a model thinks of two responses.

    Attributes:
        winner: ``a``, ``b`` or ``tie``.
        confidence: 1 if the verdict was the same in both orders, 0 if it turned with the order.
        reason: in the judge's words.
        cost: USD of the calls; None if the price is unknown.
    """

    winner: Literal["a", "b", "tie"]
    confidence: float
    reason: str
    cost: float | None


class LLMClient:
    """One model, asked from any thread, with or without an event loop running.

    Args:
        provider: in litellm's terms (``openai``, ``ollama_chat`` …); empty if ``model`` has it.
        model: the model.
        api_key: its key, if it is not in the environment already. It is put there, and into no file.
        budget: caps that are never crossed: USD, or a table as ``[budget]`` in a project file.
        compliance: what may be sent, as ``[compliance]`` in a project file.
        settings: as in ``[models.target]`` of a project file (``temperature``, ``max_tokens`` …).

    Raises:
        ModelError: there is no key, or there is a cap on USD and the price is unknown.
        ValidationError: a setting can't be used.
    """

    def __init__(
        self,
        provider: str,
        model: str,
        api_key: str | None = None,
        *,
        budget: float | Mapping[str, float] | None = None,
        compliance: ComplianceSettings | Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        variable = ""
        if api_key is not None:
            variable = settings["api_key_env"] = f"PROMPTOPT_CLIENT_KEY_{next(_numbers)}"
            os.environ[variable] = api_key
        named = f"{provider}/{model}" if provider and not model.startswith(f"{provider}/") else model
        self.settings = ModelSettings.model_validate({**settings, "model": named})
        self.provider = provider
        self.model = model
        self.cost_tracker = CostTracker(provider, model)
        problem = missing_key(self.settings)
        if problem:
            raise ModelError(problem, where=f"LLMClient({provider!r}, {model!r})")
        caps = {"usd": float(budget)} if isinstance(budget, int | float) else dict(budget or {})
        policy = ComplianceSettings.model_validate(compliance or {})
        self._line = _Line(self.settings, BudgetSettings.model_validate(caps), policy, variable)
        self._finalizer = weakref.finalize(self, self._line.close)

    def generate(
        self,
        prompt: str | Sequence[Message],
        *,
        system: str | None = None,
        temperature: float | None = None,
    ) -> LLMResponse:
        """Ask the model.

        Args:
            prompt: a user message, or all messages.
            system: a system message before it.
            temperature: in place of the client's.

        Raises:
            CallFailed: no answer after all retries.
            ModelError: the model can't be called at all, a cap is reached, or the client was closed.
            SettingsError: the prompt is none.
        """
        return self._line.wait(self._line.ask(_messages(prompt, system), temperature))

    def batch_generate(
        self,
        prompts: Sequence[str | Sequence[Message]],
        *,
        system: str | None = None,
        temperature: float | None = None,
    ) -> list[LLMResponse]:
        """Ask many at once, as many as ``max_concurrency`` allows; answers come in the order of the prompts.

        A call that fails leaves an empty response with ``metadata["error"]``.

        Raises:
            ModelError: the model can't be called at all, a cap is reached, or the client was closed.
            SettingsError: it is one text in place of several, or one of them is no prompt; nothing is sent.
        """
        if isinstance(prompts, str) or not isinstance(cast(object, prompts), Iterable):
            raise SettingsError(
                f"the prompts can't be a {type(prompts).__name__}",
                where="LLMClient.batch_generate()",
                fix="give a list of prompts; generate() asks a single one",
            )
        asked = [_messages(prompt, system) for prompt in prompts]

        async def one(messages: Sequence[Message]) -> LLMResponse:
            try:
                return await self._line.ask(messages, temperature)
            except CallFailed as failure:
                return LLMResponse(text="", metadata={"error": str(failure)})

        async def every() -> list[LLMResponse]:
            return await together(map(one, asked))

        return self._line.wait(every())

    def judge_comparison(
        self, response_a: str, response_b: str, criteria: str, *, input: str = ""
    ) -> JudgmentResult:
        """Have the model judge which response is better, in both orders; a verdict that turns is a tie.

        Args:
            criteria: what makes a response good.
            input: what the responses answer.

        Raises:
            CallFailed: it gave no verdict.
            ModelError: the model can't be called at all, or a cap is reached.
        """
        for text in (response_a, response_b, criteria, input):
            _refuse_text(text)
        return self._line.wait(self._judge(response_a, response_b, criteria, input))

    async def _judge(self, first: str, second: str, criteria: str, input: str) -> JudgmentResult:
        costs: list[float | None] = []
        replies: list[str] = []

        async def ask(messages: Sequence[Message], _path: str, _sample: int) -> LLMResponse:
            response = await self._line.ask(messages, None)
            costs.append(response.cost)
            replies.append(response.text)
            return response

        boxes = Boxes()
        case = Example(id="pair", inputs={"input": input}, expected=second)
        try:
            opinion = await Pairwise(rubric=criteria).judge(
                case, first, Tools(project_dir=Path.cwd(), boxes=boxes, ask=ask)
            )
        finally:
            await boxes.close()
        if opinion.reason.startswith(reasons.NO_VERDICT):
            raise CallFailed(opinion.reason)
        turned = "turned with the order" in opinion.reason
        winners: dict[float, Literal["a", "b", "tie"]] = {1.0: "a", 0.0: "b"}
        cost = None if None in costs else sum(cost or 0.0 for cost in costs)
        reason = opinion.reason or read_winner(replies[-1])[1]
        return JudgmentResult(winners.get(opinion.score, "tie"), 0.0 if turned else 1.0, reason, cost)

    def close(self) -> None:
        """Give back its thread and its store; it can't be asked any more."""
        self._finalizer()

    def __enter__(self) -> "LLMClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Line:
    """The gateway of one client, in a thread with an event loop of its own."""

    def __init__(
        self,
        settings: ModelSettings,
        budget: BudgetSettings,
        policy: ComplianceSettings,
        variable: str = "",
    ) -> None:
        self._settings = settings
        self._variable = variable  # that holds the key, if it was put there
        project = ProjectSettings(name="client", prompt="client", models={"target": settings}, budget=budget)
        project.compliance = policy
        shield = Shield(project)
        transport = _transport(project, settings, shield)
        self._endpoint = Endpoint(settings, transport, _price(settings, budget), redirected(settings))
        # What can be refused was: from here on there is something to give back.
        self._folder = tempfile.TemporaryDirectory(prefix="promptopt-client-")
        self._database = Database.open(f"sqlite:///{Path(self._folder.name) / 'calls.db'}")
        run_id = Runs(self._database).create(project, _ANYBODY, Path(self._folder.name), "client")
        watch = Stopwatch()
        watch.go_on()
        ledger = Ledger(budget.limits(), watch)
        self._gateway = Gateway(
            {"target": self._endpoint},
            Journal(self._database, run_id),
            ledger,
            _tell_nobody,
            shield,
            Redactor([settings]).redact,
        )
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="promptopt client", daemon=True)
        self._thread.start()

    async def ask(self, messages: Sequence[Message], temperature: float | None) -> LLMResponse:
        return await self._gateway.call("target", messages, sample=None, temperature=temperature)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What ``work`` gives, awaited in the line's own loop."""
        if not self._loop.is_running():
            work.close()
            raise ModelError("this client was closed", where=self._settings.model, fix="make a new LLMClient")
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except StopRun as stop:
            # It may be asked again when that is mended; what is still under way must not fail that call, too.
            asyncio.run_coroutine_threadsafe(self._gateway.drain(), self._loop).result()
            self._endpoint.gone = None
            raise ModelError(stop.detail or str(stop), where=self._settings.model) from None

    def close(self) -> None:
        if not self._loop.is_running():
            return
        asyncio.run_coroutine_threadsafe(self._endpoint.transport.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._database.close()
        self._folder.cleanup()
        os.environ.pop(self._variable, None)


def _price(settings: ModelSettings, budget: BudgetSettings) -> Price | None:
    price = lookup_price(settings)
    if price is None and settings.simulated:
        return Price(input=0.0, output=0.0)
    if price is None and budget.usd is not None:
        raise ModelError(
            f"the price of {settings.model} is unknown, so a cap on USD can't be kept",
            where="LLMClient",
            fix='give price={"input": …, "output": …} in USD per million tokens, or cap calls or tokens',
        )
    return price


def _transport(project: ProjectSettings, settings: ModelSettings, shield: Shield) -> Transport:
    if settings.simulated:
        simulated = Simulator(settings.model, None, project, 0, settings.latency)
        return Rehearsal(simulated, shield) if shield.masks else simulated
    return LiteLLMTransport(settings)


def _messages(prompt: str | Sequence[Message], system: str | None) -> list[Message]:
    """The messages to send. Raises SettingsError if they can't be."""
    given: Any = prompt
    if isinstance(given, str):
        given = [Message(role="user", content=given)]
    if not isinstance(given, Sequence) or not given:
        raise _no_prompt(prompt)
    try:
        asked = [Message.model_validate(message) for message in cast("Sequence[Any]", given)]
    except ValidationError:
        raise _no_prompt(prompt) from None
    if system:
        asked.insert(0, Message(role="system", content=_refuse_text(system)))
    for message in asked:
        _refuse_text(message.content)
    return asked


def _refuse_text(text: object) -> str:
    """The text, if it can be sent; else raises SettingsError."""
    if not isinstance(text, str):
        raise _no_prompt(text)
    if flaw := half_character(text):
        fix = "decode the text anew, or leave the character out"
        raise SettingsError(f"a text {flaw}, which nothing can send", where="LLMClient", fix=fix)
    return text


def _no_prompt(given: object) -> SettingsError:
    return SettingsError(
        f"a prompt can't be {one_line(repr(given), 60)}",
        where="LLMClient",
        fix="give a text, or a list of Message(role=…, content=…)",
    )


def _tell_nobody(text: str) -> None:
    """Failures are raised."""
