"""Which environment variable holds the key of a model. Keys live in the environment and nowhere else."""

import hashlib
import os
import re

from promptopt.domain.errors import ModelError
from promptopt.domain.secrets import PROVIDER_KEYS, Alternatives, variable_name
from promptopt.domain.settings import ModelSettings

_BARE_NAMES = (
    (re.compile(r"gpt-|chatgpt-|o\d|ft:gpt-"), "openai"),
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"command"), "cohere_chat"),
)


def provider_of(model: str) -> str:
    """The provider's name in litellm's terms: ``openai`` for ``openai/gpt-4o-mini`` and ``gpt-4o-mini``.

    Empty if a name without a provider is not one of the well-known ones.
    """
    provider, slash, _ = model.partition("/")
    if slash:
        return provider
    return next((name for pattern, name in _BARE_NAMES if pattern.match(model)), "")


def key_variable(settings: ModelSettings) -> str | None:
    """Name of the environment variable whose value calls of this model are sent with; None if there is none.

    With ``api_key_env`` it is that variable, set or not. With a ``base_url`` alone there is none: the
    standard key of a provider is never sent to an endpoint that a project file names. Otherwise it is the
    first of the provider's standard variables that is set.
    """
    if settings.api_key_env:
        return settings.api_key_env
    if settings.base_url or settings.simulated:
        return None
    return next((group[0] for group in _groups(settings) if all(map(_value, group))), None)


def resolve_key(settings: ModelSettings) -> str | None:
    """The key that calls of this model are sent with (see :func:`key_variable`), or None."""
    variable = key_variable(settings)
    return _value(variable) if variable else None


def missing_key(settings: ModelSettings) -> str | None:
    """What is missing, as a message that names the variable to set; None if nothing is known to be.

    Best effort: of a provider that is not in ``PROVIDER_KEYS``, nothing is known.
    """
    if settings.simulated:
        return None
    if settings.api_key_env:
        return _missing_named(settings.model, settings.api_key_env)
    if settings.base_url or resolve_key(settings):
        return None
    groups = _groups(settings)
    if not groups:
        return None
    return (
        f"no key for {settings.model}: set the environment variable {groups[0][0]}, or name the variable "
        f"that has it with api_key_env"
    )


def wanted_keys(settings: ModelSettings) -> Alternatives:
    """The variables that calls of this model can be sent with: any one group of them, in this order.

    Empty if it needs none, as far as is known.

    Raises:
        ModelError: ``api_key_env`` is not the name of a variable.
    """
    if settings.simulated:
        return ()
    named = settings.api_key_env
    if named is None:
        return () if settings.base_url else _groups(settings)
    if variable_name(named) != named:
        raise ModelError(missing_key(settings) or "", where=variable_name(named))
    return ((named,),)


def address_variables(model: str) -> tuple[str, str]:
    """The variables that can send a provider's requests to another address than the provider's own."""
    provider = provider_of(model).upper()
    return f"{provider}_API_BASE", f"{provider}_BASE_URL"


def redirected(settings: ModelSettings) -> str:
    """A mark of the address that the environment sends a model's requests to; empty if it does not.

    The mark is a hash: the address may hold a password.
    """
    if settings.base_url is not None or settings.simulated:
        return ""
    address = next(filter(None, map(os.environ.get, address_variables(settings.model))), "")
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:12] if address else ""


def _missing_named(model: str, variable: str) -> str | None:
    shown = variable_name(variable)
    if shown != variable:
        return (
            f"api_key_env of {model} must be the name of an environment variable such as OPENAI_API_KEY, "
            "never the key itself (its value is not shown here)"
        )
    if _value(variable):
        return None
    return f"no key for {model}: the environment variable {shown} is not set (api_key_env names it)"


def _groups(settings: ModelSettings) -> Alternatives:
    return PROVIDER_KEYS.get(provider_of(settings.model), ())


def _value(variable: str) -> str | None:
    # A key read from a file often ends in a newline, which no HTTP header can carry.
    return os.environ.get(variable, "").strip() or None
