"""Cases and project files that use a loopback server."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from tests.loopback.persona import SEED_PROMPT, WORDS, label_of

API_KEY_ENV = "LOOPBACK_API_KEY"
API_KEY = "loopback-key-0123456789"
"""Not a secret: what tests put into ``API_KEY_ENV``."""

_TAILS = (
    "since Monday and my team is waiting",
    "on my phone",
    "after the last update",
    "for our Lisbon office",
    "twice this month",
    "and nobody has answered",
    "please help",
)


def ticket_cases(n: int, start: int = 0) -> list[dict[str, Any]]:
    """``n`` different tickets with the labels that the built-in target knows, numbered from ``start``."""
    cases: list[dict[str, Any]] = []
    for number in range(start, start + n):
        word, tail = WORDS[number % len(WORDS)], _TAILS[number % len(_TAILS)]
        ticket = f"Ticket {number}: about {word}, {tail}"
        cases.append({"id": f"t{number}", "input": ticket, "expected": label_of(ticket)})
    return cases


def write_project(
    folder: Path, server: Any, sizes: tuple[int, int, int] = (24, 24, 24), **overrides: Any
) -> Path:
    """Write ``project.toml`` and its cases into ``folder``, with both models on ``server``.

    Args:
        folder: made if it is not there.
        server: a :class:`LoopbackServer`, or its address (``http://127.0.0.1:8000``).
        sizes: cases to train on, to validate on and to test on.
        overrides: keys of the project file; tables are merged, so ``budget={"usd": 1.0}`` adds one key.

    Returns:
        The path of ``project.toml``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = server if isinstance(server, str) else server.url
    start = 0
    for split, size in zip(("train", "val", "test"), sizes, strict=True):
        lines = [json.dumps(case) + "\n" for case in ticket_cases(size, start)]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
        start += size
    settings: dict[str, Any] = {
        "name": "tickets",
        "prompt": SEED_PROMPT,
        "task": {"description": "Label a support ticket."},
        "models": {
            "target": {
                "model": "openai/gpt-4o-mini",
                "base_url": f"{url}/v1",
                "api_key_env": API_KEY_ENV,
                "temperature": 0.0,
                "max_tokens": 64,
            },
            "optimizer": {
                "model": "anthropic/claude-opus-4-5",
                "base_url": url,
                "api_key_env": API_KEY_ENV,
                "max_tokens": 1024,
            },
        },
        "optimizer": {"name": "refine"},
        "data": {"train": "train.jsonl", "validation": "val.jsonl", "test": "test.jsonl"},
        "checks": [{"type": "exact"}],
    }
    path = folder / "project.toml"
    path.write_text(tomli_w.dumps(_merged(settings, overrides)), encoding="utf-8")
    return path


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in more.items():
        old = merged.get(key)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = _merged(old, value)
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged
