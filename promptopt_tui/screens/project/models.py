"""Setting up a model: whose it is, what it is called, where it is, and which variable holds its key."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptopt.domain.text import sanitize
from promptopt.domain.words import ROLES
from promptopt_tui import paint
from promptopt_tui.screens.dialogs import Dialog, Option
from promptopt_tui.screens.filling import Field, FillScreen, needed
from promptopt_tui.screens.project.fields import Fields
from promptopt_tui.screens.project.values import KEYS
from promptopt_tui.views import project as view
from promptopt_tui.widgets.form import Keys

if TYPE_CHECKING:
    from promptopt_tui.screens.dialogs import Build

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Provider:
    """Whose models are set up.

    Attributes:
        name: what people call it.
        about: what to know.
        model: an example of a model's name, to begin with.
        key: the variable that its key is in by custom; empty: it needs none.
        base_url: where it is, if that has to be said.
        more: what else the model's table says.
    """

    name: str
    about: str
    model: str
    key: str = ""
    base_url: str = ""
    more: tuple[tuple[str, Any], ...] = ()


PROVIDERS = (
    Provider("OpenAI", "", "openai/gpt-4o-mini", "OPENAI_API_KEY"),
    Provider("Anthropic", "", "anthropic/claude-opus-4-5", "ANTHROPIC_API_KEY"),
    Provider("Google Gemini", "", "gemini/gemini-2.0-flash", "GEMINI_API_KEY"),
    Provider("Mistral", "", "mistral/mistral-small-latest", "MISTRAL_API_KEY"),
    Provider("Groq", "", "groq/llama-3.3-70b-versatile", "GROQ_API_KEY"),
    Provider("OpenRouter", "many models, one key", "openrouter/openai/gpt-4o-mini", "OPENROUTER_API_KEY"),
    Provider(
        "Ollama", "on this machine, no cost", "ollama_chat/llama3.1", "", "http://localhost:11434",
        (("free", True),),
    ),
    Provider(
        "A server with OpenAI's interface", "vLLM, LM Studio, a proxy …", "openai/my-model", "",
        "http://localhost:8000/v1",
    ),
    Provider("The simulator", "no key, no cost; says nothing about real models", "sim/target"),
    Provider("Another one", "any name that litellm knows", ""),
)  # fmt: skip


class Models(Fields):
    """The part of a project's screen that sets models up."""

    def action_test(self) -> None:
        """Try out what the section is about."""
        raise NotImplementedError

    def add_model(self) -> None:
        """Let a person set up a model in a role; one that is there gets another model, its settings stay."""
        options: list[Option[str]] = []
        for key, role in zip(KEYS, ROLES, strict=False):
            model = self.document.get(("models", role, "model"))
            now = f", now {sanitize(str(model))}" if model else ""
            options.append(Option(key, role, view.ROLE_MEANS[role] + now, role))
        options.append(Option("p", "a judge of the panel", "judges who vote on matches", "panel"))

        def chosen(role: str | None) -> None:
            if role == "panel":
                self._choose_provider(("judges", len(self.document.items(("judges",)))))
            elif role is not None:
                self._choose_provider(("models", role))

        self.app.push_screen(Dialog("Set up a model for …", lambda _: [], options), chosen)

    def _choose_provider(self, where: Keys) -> None:
        options = [
            Option(key, one.name, one.about or f"key in {one.key}", one)
            for key, one in zip(KEYS, PROVIDERS, strict=False)
        ]

        def chosen(provider: Provider | None) -> None:
            if provider is not None:
                self._fill_in(where, provider)

        self.app.push_screen(Dialog("Whose model?", lambda _: [], options), chosen)

    def _fill_in(self, where: Keys, provider: Provider) -> None:
        simulated = provider.model.startswith("sim/")
        role = str(where[-1]) if where[0] == "models" else "judge"
        model = f"sim/{role}" if simulated else provider.model
        fields = [Field("model", "model", model, check=needed)]
        if provider.base_url:
            fields.append(Field("base_url", "address", provider.base_url, check=_address))
        if not simulated:
            hint = f"empty: {provider.key}" if provider.key else "empty: it needs none"
            fields.append(Field("api_key_env", "key's variable", hint=hint, check=_variable))

        def filled(given: dict[str, str] | None) -> None:
            if given is not None:
                self._set_up(where, provider, {name: text.strip() for name, text in given.items()})

        screen = FillScreen(f"{provider.name}: the model", fields, _about_keys(provider), send="set it up")
        self.app.push_screen(screen, filled)

    def _set_up(self, where: Keys, provider: Provider, given: dict[str, str]) -> None:
        table = {name: text for name, text in given.items() if text} | dict(provider.more)
        flaw = self.document.flaw_if(where, {**self.document.table(where), **table})
        if flaw:
            self.app.notify(flaw, severity="error", markup=False)
            return
        before = self.document.get(where)
        if before is None:
            self.put(where, table)
        else:
            for name in dict.fromkeys(["model", "base_url", "api_key_env", "free", *table]):
                self.put((*where, name), table.get(name))
        self.action_test()


def _about_keys(provider: Provider) -> Build:
    there = provider.key and os.environ.get(provider.key)

    def build(width: int) -> list[paint.Line]:
        lines: list[paint.Line] = []
        said = "A key is never kept in a file: name the environment variable that holds it."
        if provider.key or provider.base_url:
            lines += paint.wrap([(said, "muted")], width)
        if provider.key:
            word = "is set" if there else "is not set yet"
            lines.append(
                [("✓ " if there else "! ", "good" if there else "warn"), (f"{provider.key} {word}", "")]
            )
        return [*lines, []] if lines else []

    return build


def _variable(text: str) -> str:
    if not text or _VARIABLE.fullmatch(text):
        return ""
    return "must be a name, never the key"


def _address(text: str) -> str:
    return "" if text.startswith(("http://", "https://")) else "begins with http:// or https://"
