"""What keeps personal data and secrets from the models: every request passes it, and every answer.

Outside, a value is its placeholder; inside, it is itself. A request is masked before it is looked for in the
journal, so that its address, what is stored of it and what goes out are one. An answer is kept as it came,
and gets its values back when it is handed on: checks compare what they were made for, and a judge's verdict
rests on placeholders on both sides. One thing stays masked: what the optimizer and the generator write of
values that stand in cases, for no prompt gets better by somebody's address in it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from promptopt.domain.chat import ChatRequest, EmbedRequest, LLMResponse, Request
from promptopt.domain.compliance import Action, Policy, is_local
from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import CallFailed
from promptopt.domain.pii.finding import Finding, Kind, in_words
from promptopt.domain.pii.looking import looker
from promptopt.domain.pii.masking import Masked, Masker, placeholders_in, unmask
from promptopt.domain.settings import ModelSettings, ProjectSettings
from promptopt.models.endpoint import Seat, role_of

WRITERS = ("optimizer", "generator")
"""Roles whose answers become prompts and cases."""

Find = Callable[[str], list[Finding]]


@dataclass(frozen=True)
class Veiled:
    """A request as it may be sent.

    Attributes:
        raws: what the placeholders in it stand for.
        redacted: how many values of each kind they took the place of.
        found: values that are sent as they are; counted only where somebody wants to know.
    """

    request: Request
    raws: Mapping[str, str] = field(default_factory=dict[str, str])
    redacted: Mapping[Kind, int] = field(default_factory=dict[Kind, int])
    found: Mapping[Kind, int] = field(default_factory=dict[Kind, int])

    @property
    def told(self) -> dict[str, Any]:
        """What an audit log is to have of it: kinds and numbers, as far as there are any."""
        both = {"redacted": self.redacted, "found": self.found}
        return {name: dict(counts) for name, counts in both.items() if counts}


class Shield:
    """Holds a project's policy for the calls of one run. Used from one event loop.

    Args:
        settings: of the run.
        dataset: its cases as they were frozen; people may mend some later.

    Attributes:
        redacted: values that were replaced in requests that were made, by kind.
        calls: requests with such values.
        refused: values for which requests were not made, by kind.
        version: grows whenever one of those does.
    """

    def __init__(self, settings: ProjectSettings, dataset: Dataset | None = None) -> None:
        self.policy = policy = settings.compliance.policy()
        self.redacted: Counter[Kind] = Counter()
        self.calls = 0
        self.refused: Counter[Kind] = Counter()
        self.version = 0
        self._refused: set[str] = set()
        self._blocked = _finder(policy, "block")
        self._allowed = _finder(policy, "allow") if policy.audit else None
        self._masker: Masker | None = None
        masked = _finder(policy, "redact")
        if masked:
            self._masker = Masker(masked, dataset.fingerprint() if dataset else settings.name)
            self._masker.learn(own_texts(settings), case_texts(dataset) if dataset else ())
        self._kept = self._masker.of_cases if self._masker else frozenset[str]()

    @property
    def masks(self) -> bool:
        """Whether placeholders are put anywhere."""
        return self._masker is not None

    def exempts(self, settings: ModelSettings) -> bool:
        """Whether a model may have everything: it runs here, and the project trusts what runs here."""
        return self.policy.local and is_local(settings.base_url)

    def veil(self, seat: Seat, settings: ModelSettings, request: Request) -> Veiled:
        """A request as it may be sent.

        Raises:
            CallFailed: it may not be sent at all.
        """
        if self.exempts(settings):
            return Veiled(request)
        if self._blocked:
            self._refuse(seat, request, self._blocked)
        found = _counted(self._allowed, request) if self._allowed else {}
        if self._masker is None:
            return Veiled(request, found=found)
        veil = _Veil(self._masker)
        return Veiled(veil.request(request), veil.raws, veil.counts, found)

    def unveil(self, seat: Seat, response: LLMResponse, veiled: Veiled) -> LLMResponse:
        """An answer with its values put back."""
        if not veiled.raws or response.vector:
            return response
        text = unmask(response.text, veiled.raws, self._kept if role_of(seat) in WRITERS else ())
        return response if text == response.text else response.model_copy(update={"text": text})

    def lifted(self, request: Request) -> Request:
        """A request with its values, for a simulated model, which is no stranger."""
        if self._masker is None:
            return request
        raws = self._masker.raws
        if isinstance(request, EmbedRequest):
            return request.model_copy(update={"text": unmask(request.text, raws)})
        messages = [
            each.model_copy(update={"content": unmask(each.content, raws)}) for each in request.messages
        ]
        return request.model_copy(update={"messages": tuple(messages)})

    def lowered(self, text: str, request: Request) -> str:
        """A simulated model's answer as one would have written it who was sent ``request``: what that hides
        stays hidden, and what the model made up of its own is as it stands.
        """
        if self._masker is None:
            return text
        masked = self._masker.mask(text)
        sent = [*_texts(request)]
        own = {name: raw for name, raw in masked.raws.items() if not any(name in each for each in sent)}
        return unmask(masked.text, own)

    def made(self, veiled: Veiled) -> None:
        """A request goes out."""
        if veiled.redacted:
            self.redacted.update(veiled.redacted)
            self.calls += 1
            self.version += 1

    def recount(self, requests: Iterable[str], refused: Mapping[str, int]) -> None:
        """Go on counting where an earlier worker stopped.

        Args:
            requests: that were made, as they were sent.
            refused: what the run has told of that.
        """
        told = cast("dict[Kind, int]", dict(refused))
        self.refused.update(told)
        if self._masker is not None:
            for text in requests:
                counts = Counter(placeholders_in(text))
                self.redacted.update(counts)
                self.calls += bool(counts)
        self.version += 1

    def _refuse(self, seat: Seat, request: Request, look: Find) -> None:
        counts = _counted(look, request)
        if not counts:
            return
        key = request.content_key()
        if key not in self._refused:  # asked again by a resumed search, it is no second refusal
            self._refused.add(key)
            self.refused.update(counts)
            self.version += 1
        setting = "secrets" if set(counts) == {"secret"} else "pii"
        raise CallFailed(
            f"a call of the {role_of(seat)} model was not made: it has {in_words(counts)} in it "
            f'(compliance.{setting} = "block")'
        )


class _Veil:
    """Masks the texts of one request."""

    def __init__(self, masker: Masker) -> None:
        self._masker = masker
        self.raws: dict[str, str] = {}
        self.counts: Counter[Kind] = Counter()

    def request(self, request: Request) -> Request:
        if isinstance(request, EmbedRequest):
            changes: dict[str, Any] = {"text": self._text(request.text)}
        else:
            messages = [
                message.model_copy(update={"content": self._text(message.content)})
                for message in request.messages
            ]
            changes = {"messages": tuple(messages)}
        if request.params:
            changes["params"] = self._value(request.params)
        return request.model_copy(update=changes) if self.counts else request

    def _text(self, text: str) -> str:
        masked: Masked = self._masker.mask(text)
        # The last message is what is to be answered: as it spells a value, so does the answer.
        self.raws.update(masked.raws)
        self.counts.update(masked.counts)
        return masked.text

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, dict):
            return {key: self._value(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, list):
            return [self._value(item) for item in cast("list[Any]", value)]
        return value


def own_texts(settings: ProjectSettings) -> list[str]:
    """The texts of a run that are no case: prompt, demonstrations, task."""
    task = settings.task
    shown = [text for demo in settings.demonstrations for text in (*demo.inputs.values(), demo.output)]
    rules = [text for rule in task.constraints for text in (rule.name, rule.description)]
    forms = [str(text) for form in (task.input_format, task.output_format) for text in form.values()]
    return [settings.prompt, *shown, task.description, task.signature, *forms, *rules]


def case_texts(dataset: Dataset) -> list[str]:
    """The texts of the cases, in order."""
    return [
        text
        for case in dataset.cases()
        for text in (case.input_text, *(case.inputs.values() if len(case.inputs) > 1 else ()), case.expected)
        if text
    ]


def _finder(policy: Policy, action: Action) -> Find | None:
    """What finds values to which something happens; None if there is nothing to find."""
    kinds = policy.kinds(action)
    return looker(policy, kinds) if kinds else None


def _counted(look: Find, request: Request) -> dict[Kind, int]:
    counts: Counter[Kind] = Counter()
    for text in _texts(request):
        counts.update(found.kind for found in look(text))
    return dict(counts)


def _texts(request: Request) -> Iterable[str]:
    if isinstance(request, ChatRequest):
        yield from (message.content for message in request.messages)
    else:
        yield request.text
    yield from _strings(request.params)


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in cast("dict[str, Any]", value).values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in cast("list[Any]", value):
            yield from _strings(item)
