"""``python -m tests.benchmarks compliance [--calls N] [--rounds R]``.

Prints what looking through a message takes, by its length and by whether there is anything in it, and what
a call of the wire benchmark costs in processor time without a policy, with the audit log, and with everything
redacted and taken down. Rounds take turns, so that a busy machine is busy for all of them alike.

On two cores that others use too: 0.07 ms of processor time for 600 plain characters, 0.92 ms for 600 that are
full of personal data (a text that is sent again is not looked through again).
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
import timeit
from pathlib import Path
from typing import Any

from promptopt.domain.pii.find import find_pii
from promptopt.store.audit import AuditLog
from tests.benchmarks.__main__ import evaluate, wire_server
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV

PLAIN = (
    "I ordered a blue kettle two weeks ago and it still has not arrived. The tracking page says that it was "
    "delivered on Monday. Please check with the depot and tell me when I can expect it, or send a refund. "
)
FULL = (
    "My name is Oliver Bennett, write to oliver.bennett@acme-mail.com or call +1 415 555 2671. My IBAN is "
    "DE89 3704 0044 0532 0130 00, my card 4111 1111 1111 1111. Mit freundlichen Grüßen\nSabine Krüger\n"
)
POLICIES: dict[str, dict[str, Any]] = {
    "no policy": {},
    "audit": {"audit": True, "leave_out": ["name", "email", "phone", "ip", "address", "birth_date"]},
    "redact": {"pii": "redact", "secrets": "redact"},
    "redact and audit": {"pii": "redact", "secrets": "redact", "audit": True},
}


def microseconds(text: str) -> float:
    """Of one look at a text, the best of five."""
    number = 50
    return (
        min(timeit.repeat(lambda: find_pii(text), number=number, repeat=5, timer=time.process_time))
        / number
        * 1e6
    )


def audited() -> float:
    """Microseconds of processor time for a call's two entries in an audit log."""
    log = AuditLog("benchmark", project="benchmark")
    number = 5000

    def call() -> None:
        about = {"role": "target", "model": "openai/gpt-4o-mini", "host": "openai", "redacted": {"email": 2}}
        log.sent("0123456789abcdef01234567", content="f" * 32, bytes=600, **about)
        log.ended("0123456789abcdef01234567", "answered", tokens_in=150, tokens_out=20)

    return timeit.timeit(call, number=number, timer=time.process_time) / number * 1e6


def main(arguments: list[str]) -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks compliance", description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    for name, text in (("plain", PLAIN), ("full of personal data", FULL)):
        for length in (200, 600, 2000, 20_000):
            shown = (text * (length // len(text) + 1))[:length]
            print(f"{length:,} characters, {name}: {microseconds(shown):.0f} µs", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["PROMPTOPT_HOME"] = str(folder / "home")
        os.environ["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        os.environ[API_KEY_ENV] = API_KEY
        print(f"audit log: {audited():.0f} µs a call", flush=True)
        bench = Bench()
        try:
            _print_calls(bench, folder, options)
        finally:
            bench.close()


def _print_calls(bench: Bench, folder: Path, options: argparse.Namespace) -> None:
    spent: dict[str, list[float]] = {policy: [] for policy in POLICIES}
    with wire_server(0.0) as url:
        for number in range(options.rounds):
            for policy, settings in POLICIES.items():
                place = folder / f"{policy} {number}".replace(" ", "-")
                few, many = (
                    evaluate(bench, place / f"{n}", url, n, 64, compliance=settings)
                    for n in (500, 500 + options.calls)
                )
                spent[policy].append((many.processor - few.processor) / options.calls * 1000)
    plain = statistics.median(spent["no policy"])
    for policy, times in spent.items():
        middle = statistics.median(times)
        print(f"{policy}: {middle:.3f} ms of processor time a call ({middle / plain - 1:+.1%})")
