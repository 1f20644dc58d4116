"""Real models, through litellm's formats for a hundred providers.

litellm is imported when the first call needs it, in a thread: the import takes seconds. One call here is one
HTTP request; repeating is the gateway's business, which alone knows the budget.

The usual call is written from a template and read by the provider's configuration object; whatever is not
usual (another shape, a refusal, an answer that can't be read) goes through ``litellm.acompletion`` as a
whole, which then writes the request, or reads the answer that is already here.
"""

import asyncio
import contextlib
import importlib
import json
import logging
import os
import warnings
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from promptopt.domain.chat import ChatRequest, Request
from promptopt.domain.imports import uncollected
from promptopt.domain.prompt import Message
from promptopt.domain.redaction import Redactor
from promptopt.domain.settings import ModelSettings
from promptopt.models.keys import provider_of
from promptopt.models.litellm_arguments import CUSTOM_ENDPOINT_PROVIDERS, arguments_for, call_site, check
from promptopt.models.litellm_errors import timed_out, translate
from promptopt.models.litellm_reply import Reader, read_reply
from promptopt.models.litellm_template import Template, learn, roles_of
from promptopt.models.litellm_wire import Carriage, carried_by, wrap_litellm
from promptopt.models.rate_headers import exhausted
from promptopt.models.transport import Reply, TransportError
from promptopt.models.wire import HttpAnswer, HttpWire, Wire, WireError
from promptopt.store.receipts import Kept, Slip

MOST_SHAPES = 32
"""Shapes of request that are learned for one model; a run has a handful."""

Shape = tuple[tuple[str, ...], float | None, int, str]
"""Roles, temperature, max_tokens, other parameters as JSON."""
_PLAIN_JSON_MODE = frozenset({"openai", "azure", "hosted_vllm"})
"""Providers whose answer in JSON mode looks like any other; litellm has some others call a tool for it."""


class LiteLLMTransport:
    """Answers requests for one model, with text.

    Args:
        settings: the model.
        redactor: keeps keys out of messages; one that knows this model's key if not given.
        wire: carries the requests, and is closed by its owner; one of its own if not given.

    Raises:
        SettingsError: settings under which litellm would send requests elsewhere, or in another way, than
            the settings say.
    """

    providers: ClassVar[frozenset[str]] = CUSTOM_ENDPOINT_PROVIDERS
    """Those that can be used with an endpoint of the project's, and whose requests are templated."""

    def __init__(
        self, settings: ModelSettings, redactor: Redactor | None = None, wire: Wire | None = None
    ) -> None:
        check(settings, self.providers)
        self._settings = settings
        self._redactor = redactor or Redactor([settings])
        self._site = call_site(settings)
        self._litellm: Any = None
        self._wire = wire or HttpWire()
        self._owns_wire = wire is None
        self._provider = provider_of(settings.model)
        self._templated = self._provider in self.providers
        self._reader: Reader | None = None
        self._templates: dict[Shape, Template | None] = {}
        self._learning = asyncio.Lock()

    @property
    def relay(self) -> str:
        """Name of the relay that keeps receipts; empty if none does."""
        return self._wire.relay

    async def prepare(self) -> None:
        """Import litellm, open the wire and learn the usual request. Calling it again does nothing."""
        if self._litellm is not None:
            return
        self._litellm, _ = await asyncio.gather(asyncio.to_thread(_import_litellm), self._wire.prepare())
        with contextlib.suppress(TransportError):  # a missing key is told with the first call
            await self._learn_the_usual()

    async def _learn_the_usual(self) -> None:
        settings = self._settings
        usual = ChatRequest(
            model=settings.model,
            messages=(Message(role="user", content="hello"),),
            temperature=settings.temperature,
            max_tokens=settings.max_tokens,
            params=settings.params,
        )
        await self._template(usual)

    async def complete(
        self,
        request: Request,
        *,
        sample: int,
        timeout: float,
        slip: Slip | None = None,
        kept: Mapping[str, Kept] | None = None,
    ) -> Reply:
        """Send ``request`` once, or read what was ``kept``. Samples differ only by chance.

        Raises:
            TransportError: there is no answer.
        """
        await self.prepare()
        carriage = Carriage(self._wire, timeout, slip, kept)
        failure: TransportError
        clock = asyncio.timeout(timeout)
        try:
            async with clock:
                return await self._complete(request, carriage)
        except TransportError:
            raise
        except Exception as error:
            late = clock.expired()
            failure = timed_out(self._site, timeout) if late else translate(error, self._site, self._redactor)
        # Raised out here, so that it does not carry litellm's exception, which has headers and bodies in it.
        raise failure

    async def close(self) -> None:
        """Close the connections, if they are its own. It can be used again."""
        if self._owns_wire:
            await self._wire.close()

    async def _complete(self, request: Request, carriage: Carriage) -> Reply:
        if not isinstance(request, ChatRequest):
            raise TransportError(f"{self._settings.model} is not set up for embeddings", fatal=True)
        template = await self._template(request)
        if template is None:
            return await self._as_a_whole(request, carriage)
        reply: Reply | None = None
        with contextlib.suppress(WireError):
            answer = await carriage.send(template.write(request.messages, carriage.timeout))
            reply = self._read(answer, request)
        return reply or await self._as_a_whole(request, carriage)

    async def _as_a_whole(self, request: ChatRequest, carriage: Carriage) -> Reply:
        """``litellm.acompletion``, which sends the request by ``carriage`` or finds there what came of it."""
        with unlogged(), carried_by(carriage):
            response = await self._litellm.acompletion(**arguments_for(self._settings, request))
        return read_reply(response, self._settings.model, carriage.seconds)

    def _read(self, answer: HttpAnswer, request: ChatRequest) -> Reply | None:
        """The usual answer to the usual request; None if litellm as a whole must look at it."""
        if answer.status != 200 or self._reader is None:
            return None
        if "response_format" in request.params and self._provider not in _PLAIN_JSON_MODE:
            return None
        with contextlib.suppress(Exception):
            reply = self._reader.read(answer, request.messages)
            return replace(reply, wait=exhausted(answer.headers))
        return None

    async def _template(self, request: ChatRequest) -> Template | None:
        """The template that ``request`` can be written from, learned if it is the first of its shape."""
        roles = roles_of(request.messages)
        if roles is None:
            return None
        params = json.dumps(request.params, sort_keys=True) if request.params else ""
        shape = (roles, request.temperature, request.max_tokens, params)
        if shape not in self._templates and len(self._templates) < MOST_SHAPES:
            async with self._learning:
                if shape not in self._templates and self._templated:
                    self._templates[shape] = template = await self._learn(request, roles)
                    self._templated = template is not None
        return self._templates.get(shape)

    async def _learn(self, request: ChatRequest, roles: Sequence[str]) -> Template | None:
        arguments = arguments_for(self._settings, request)
        if self._reader is None:
            with contextlib.suppress(Exception):
                self._reader = Reader(self._litellm, arguments)

        async def complete(messages: Sequence[Message], carriage: Carriage) -> None:
            await self._as_a_whole(request.model_copy(update={"messages": tuple(messages)}), carriage)

        return await learn(complete, roles)


def _import_litellm() -> Any:
    """Import litellm, silent, and set it up for one request a call."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it fetches a price list
    os.environ.setdefault("LITELLM_MODE", "PRODUCTION")  # else it loads .env of the current folder
    os.environ.setdefault("TQDM_DISABLE", "1")  # it imports tqdm, which reads this then; DSPy's bars need it
    with uncollected():
        litellm: Any = importlib.import_module("litellm")
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.DEFAULT_MAX_RETRIES = 0  # some of its clients take the zero that they are given for nothing given
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("httpx", "openai"):  # their INFO lines have addresses with keys in them
        logging.getLogger(name).setLevel(logging.WARNING)
    # What pydantic thinks of litellm's classes is no business of the user's.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydantic\.")
    wrap_litellm()
    return litellm


@contextlib.contextmanager
def unlogged() -> Generator[None]:
    """Keep the call out of litellm's logging callbacks, and off the background task that feeds them."""
    try:
        internal: Any = importlib.import_module("litellm._internal_context").is_internal_call
    except (ImportError, AttributeError):
        yield
        return
    token = internal.set(True)
    try:
        yield
    finally:
        internal.reset(token)
