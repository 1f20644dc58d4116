"""Programs that ask the prompt once, as they stand: no key is in them, and no package is needed."""

import json
import re
from dataclasses import dataclass

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.secrets import PROVIDER_KEYS
from promptopt.domain.settings import ModelSettings
from promptopt.models.keys import provider_of
from promptopt.store.export.asset import Exported, as_json

BASES = {
    "openai": "https://api.openai.com/v1",
    "anthropic": "https://api.anthropic.com/v1",
    "gemini": "https://generativelanguage.googleapis.com/v1beta/openai",
    "mistral": "https://api.mistral.ai/v1",
    "groq": "https://api.groq.com/openai/v1",
    "deepseek": "https://api.deepseek.com/v1",
    "openrouter": "https://openrouter.ai/api/v1",
    "xai": "https://api.x.ai/v1",
    "ollama": "http://localhost:11434/v1",
    "ollama_chat": "http://localhost:11434/v1",
}
"""Where providers take requests in OpenAI's form (Anthropic in its own)."""

PLACEHOLDER = "Put your text here."

_PLAIN = re.compile(r"https?://[A-Za-z0-9.:\[\]_~/-]+")
"""An address without a password, a key or anything that a shell could act on."""

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class Endpoint:
    """Where a model is asked: ``base`` is empty if the user must say; ``key`` names a variable."""

    base: str
    path: str
    key: str
    model: str
    anthropic: bool


def endpoint_of(model: ModelSettings) -> Endpoint:
    """The endpoint of a model. An address with a password or a key in it is left out."""
    provider = provider_of(model.model) or "openai"
    anthropic = provider == "anthropic"
    base = BASES.get(provider, "") if not model.simulated else ""
    if model.base_url:
        base = model.base_url.rstrip("/") if _PLAIN.fullmatch(model.base_url) else ""
        if base and (anthropic or provider.startswith("ollama")) and not base.endswith("/v1"):
            base += "/v1"
    keys = PROVIDER_KEYS.get(provider, (("LLM_API_KEY",),))
    own = model.api_key_env or ""
    prefixed = model.model.partition("/")[0] == provider
    return Endpoint(
        base=base,
        path="/messages" if anthropic else "/chat/completions",
        key=own if _VARIABLE.fullmatch(own) else keys[0][0],
        model=model.model.partition("/")[2] if prefixed else model.model,
        anthropic=anthropic,
    )


def example_request(what: Exported, case: Example | None) -> str:
    """The body of a request that can be sent as it is."""
    case = case or Example(id="example", inputs=dict.fromkeys(what.columns, PLACEHOLDER))
    return as_json(_body(what, what.prompt, case))


def python_call(what: Exported) -> str:
    """A script beside ``prompt.py`` that sends the prompt with a text of yours."""
    where = endpoint_of(what.model)
    settings = _settings(what.model, where)
    return _PYTHON.format(
        base=where.base, path=where.path, key=where.key, settings=settings, anthropic=where.anthropic
    )


def curl_call(what: Exported) -> str:
    """A shell script that sends ``example-request.json``."""
    where = endpoint_of(what.model)
    header = "Authorization: Bearer %s\\n"
    if where.anthropic:
        header = "x-api-key: %s\\nanthropic-version: 2023-06-01\\n"
    return _CURL.format(base=where.base, path=where.path, key=where.key, header=header)


def _settings(model: ModelSettings, where: Endpoint) -> dict[str, object]:
    settings: dict[str, object] = {"model": where.model, "max_tokens": model.max_tokens}
    if model.temperature is not None:
        settings["temperature"] = model.temperature
    return {**settings, **model.params}


def _body(what: Exported, prompt: Prompt, case: Example) -> dict[str, object]:
    where = endpoint_of(what.model)
    said = [message.model_dump() for message in prompt.render(case)]
    body = _settings(what.model, where)
    if where.anthropic and said[0]["role"] == "system":
        body["system"] = said.pop(0)["content"]
    return {**body, "messages": json.loads(json.dumps(said))}


_PYTHON = '''\
"""Ask the prompt once, and print the answer:

    python call.py "a text of yours"             one text for each of the columns in prompt.py
    echo "a text of yours" | python call.py -

The key is read from the environment (${key}), and written nowhere. LLM_BASE_URL is another address,
LLM_MODEL another model: with that one nobody has measured the prompt.
"""

import json
import os
import sys
import urllib.error
import urllib.request

from prompt import COLUMNS, messages

SETTINGS = {settings!r}
ANTHROPIC = {anthropic!r}
BASE = os.environ.get("LLM_BASE_URL") or {base!r}
KEY = os.environ.get({key!r}) or os.environ.get("LLM_API_KEY", "")


def body(case):
    said = messages(case)
    asked = {{**SETTINGS, "model": os.environ.get("LLM_MODEL") or SETTINGS["model"]}}
    if ANTHROPIC and said[0]["role"] == "system":
        asked["system"] = said[0]["content"]
        said = said[1:]
    return {{**asked, "messages": said}}


def headers():
    common = {{"Content-Type": "application/json"}}
    if not KEY:
        return common
    if ANTHROPIC:
        return {{**common, "x-api-key": KEY, "anthropic-version": "2023-06-01"}}
    return {{**common, "Authorization": "Bearer " + KEY}}


def ask(case):
    data = json.dumps(body(case)).encode()
    request = urllib.request.Request(BASE.rstrip("/") + {path!r}, data, headers())
    with urllib.request.urlopen(request, timeout=120) as reply:
        answer = json.load(reply)
    if ANTHROPIC:
        return "".join(part.get("text", "") for part in answer["content"])
    return answer["choices"][0]["message"]["content"]


def main():
    given = [sys.stdin.read() if text == "-" else text for text in sys.argv[1:]]
    if len(given) != len(COLUMNS):
        return "give one text for each of: " + ", ".join(COLUMNS)
    if not BASE:
        return "set LLM_BASE_URL to the address of your model, as in https://api.openai.com/v1"
    try:
        print(ask(dict(zip(COLUMNS, given))))
    except urllib.error.HTTPError as error:
        return f"the server refused it: {{error.code}} {{error.reason}}"
    except (OSError, KeyError, IndexError, ValueError) as error:
        return f"there is no answer: {{error!r}}"
    return 0


if __name__ == "__main__":
    sys.exit(main())
'''

_CURL = """\
#!/bin/sh
# Sends example-request.json once, and prints what comes back. For a text of yours edit its last message.
# The key is read from the environment (${key}); it is handed over by a pipe, and stands on no command line.
set -eu
cd "$(dirname "$0")"
BASE="${{LLM_BASE_URL:-{base}}}"
KEY="${{{key}:-${{LLM_API_KEY:-}}}}"
if [ -z "$BASE" ]; then
    echo "set LLM_BASE_URL to the address of your model, as in https://api.openai.com/v1" >&2
    exit 2
fi
if [ -n "$KEY" ]; then printf '{header}' "$KEY"; fi |
    curl -sS --fail-with-body --max-time 120 -H @- -H "Content-Type: application/json" \\
        --data @example-request.json "$BASE{path}"
"""
