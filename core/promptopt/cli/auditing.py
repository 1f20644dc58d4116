"""audit: who sent what where."""

import time
from collections.abc import Mapping
from typing import Any

from promptopt.cli.output import emit, note, say
from promptopt.domain.text import one_line


def audit(*, run: str | None = None, verify: bool = False, json: bool = False) -> int:
    """Show the audit log of runs whose project asks for one: who, when, which model where, how much, and what
    kinds of personal data were replaced. It holds no text and no key.

    Args:
        run: a run's id, a part of it, or: latest; without it all runs.
        verify: check that nothing in the logs was changed, removed or cut; exit status 1 if so.
        json: print one JSON object a line.
    """
    from promptopt.store import audit as log

    if verify:
        return _verify(json=json)
    chosen = _run_id(run) if run else ""
    shown = 0
    for entry in log.entries(chosen):
        shown += 1
        if json:
            emit(dict(entry))
        else:
            say(_line(entry))
    if not shown and not json:
        note("nothing was taken down; a project asks for it with [compliance] audit = true, or a profile")
    return 0


def _run_id(wanted: str) -> str:
    from contextlib import closing

    from promptopt.store.database import Database
    from promptopt.store.runs import Runs

    with closing(Database.open()) as database:
        return Runs(database).find(wanted).id


def _verify(*, json: bool) -> int:
    from promptopt.store.audit import verify

    found = verify()
    if json:
        faults = [{"file": fault.file, "line": fault.line, "text": fault.text} for fault in found.faults]
        emit({"files": found.files, "entries": found.entries, "head": found.head, "faults": faults})
    else:
        for fault in found.faults:
            say(f"✗ {fault}")
        mark = "✗ not as it was written" if found.faults else "✓ as it was written"
        say(f"{mark}: {found.entries:,} entries in {found.files:,} files")
        say(f"head {found.head}")
        note("who can write to the data directory could forge all of it: keep the head somewhere else")
    return 1 if found.faults else 0


def _line(entry: Mapping[str, Any]) -> str:
    at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(entry.get("at", 0))))
    head = f"{at}  {one_line(str(entry.get('run', '')), 20)}  {entry.get('what', '?'):6}"
    return f"{head}  {one_line(_about(entry), 200)}"


def _about(entry: Mapping[str, Any]) -> str:
    what = entry.get("what")
    if what == "sent":
        counts = [
            f"{name} {', '.join(f'{number} {kind}' for kind, number in entry[name].items())}"
            for name in ("redacted", "found")
            if entry.get(name)
        ]
        told = (
            f"{entry.get('role')} → {entry.get('model')} at {entry.get('host')}, {entry.get('bytes'):,} bytes"
        )
        return "; ".join([told, *counts])
    if what == "ended":
        tokens = [entry[name] for name in ("tokens_in", "tokens_out") if entry.get(name) is not None]
        return f"{entry.get('result')}{f', {sum(tokens):,} tokens' if tokens else ''}"
    if what == "opened":
        policy: Mapping[str, Any] = entry.get("policy") or {}
        held = f", held to {', '.join(policy['profiles'])}" if policy.get("profiles") else ""
        beside = f"; nothing is done for {', '.join(policy['recorded'])}" if policy.get("recorded") else ""
        about = f"{entry.get('project')}, {entry.get('optimizer')}{held}{beside}"
        return f"by {entry.get('user')} on {entry.get('host')}: {about}"
    return str(entry.get("status", ""))
