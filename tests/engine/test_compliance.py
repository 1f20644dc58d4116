"""Personal data and keys that were planted everywhere reach no model: the server shows what it received."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.errors import SettingsError
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.journal import Journal
from tests.engine.bench import Bench
from tests.engine.test_judging import JUDGE, Judging
from tests.engine.test_resume import kill_after
from tests.loopback import API_KEY_ENV, LoopbackServer, write_project
from tests.loopback.persona import SEED_PROMPT
from tests.loopback.wire import Call

WARM = True

PEOPLE = (
    # name as it is introduced, name, e-mail, another value
    ("My name is", "Oliver Bennett", "oliver.bennett@acme-mail.com", "+1 415 555 2671"),
    ("Mein Name ist", "Sabine Krüger", "s.krueger@beispiel-post.de", "DE89 3704 0044 0532 0130 00"),
    ("my name is", "Priya Sharma", "priya (at) corp (dot) example.org", "4111 1111 1111 1111"),
    ("ich heiße", "Jürgen Weiß", "j.weiss@firma-mail.at", "Rosenweg 17, 70174 Stuttgart"),
    ("My name is", "Hannah O'Neil", "hannah@ac\u200bme.io", "536-22-8726"),
    ("Mein Name ist", "Björn Hansen", "b.hansen@nord.example.de", "86 095 742 719"),
)
KEY = "sk-proj-Ab12Cd34Ef56Gh78Ij90Kl"
AGENT = "agent.lee@acme-mail.com"

PLANTED = (
    *(part for _, *parts in PEOPLE for part in parts),
    *(KEY, AGENT, "Hannah Lee", "oliver.bennett", "s.krueger", "5320 1300", "0532 0130", "555 2671"),
)
"""What no request may have in it."""

_EMAIL = re.compile(r"\[EMAIL_\w+\]|[\w.]+ \(at\) [\w.]+ \(dot\) [\w.]+|[\w.\u200b-]+@[\w.\u200b-]+")


class Extracting(Judging):
    """The target finds the e-mail address of a ticket, if its prompt is good enough; a judge is beside it."""

    def label(self, call: Call) -> str:
        found = _EMAIL.findall(call.last_user)
        return found[-1] if found and self.solves(call.text, call.last_user) else "unknown"


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    loopback.behaviour = Extracting()
    return loopback


def project(folder: Path, server: LoopbackServer, compliance: dict[str, Any], **more: Any) -> Path:
    judge = {"model": f"openai/{JUDGE}", "base_url": f"{server.url}/v1", "api_key_env": API_KEY_ENV}
    judge |= {"price": {"input": 1.0, "output": 2.0}, "max_tokens": 100}
    settings: dict[str, Any] = {
        "prompt": f"{SEED_PROMPT}\nBest regards,\nHannah Lee, {AGENT}",
        "task": {"description": f"Find the customer's address. Questions go to {AGENT}."},
        "demonstrations": [{"inputs": {"input": "My name is Oliver Bennett"}, "output": PEOPLE[0][2]}],
        "models": {"judge": judge},
        "checks": [{"type": "exact", "weight": 3}, {"type": "judge", "rubric": "It is an address."}],
        "compliance": compliance,
        "budget": {"calls": 2000},
    }
    path = write_project(folder, server, (12, 12, 12), **{**settings, **more})
    for at, split in enumerate(("train", "val", "test")):
        lines = [json.dumps(case(12 * at + n), ensure_ascii=False) + "\n" for n in range(12)]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    return path


def case(number: int) -> dict[str, Any]:
    intro, name, email, other = PEOPLE[number % len(PEOPLE)]
    facts = f"Steuer-ID, card, IBAN, address: {other}\nKey: {KEY}"
    text = f"Ticket {number}: {intro} {name}.\n{facts}\nWrite to {email}"
    return {"id": f"c{number}", "input": text, "expected": email}


def received(server: LoopbackServer) -> str:
    """All that came in, as text: JSON with and without its escapes."""
    plain = "\n".join(json.dumps(record.body, ensure_ascii=False) for record in server.records())
    return plain + "\n".join(json.dumps(record.body) for record in server.records())


REDACT = {"pii": "redact", "secrets": "redact", "audit": True}


@pytest.mark.parametrize(
    "optimizer",
    [{"name": "refine", "max_iterations": 2}, {"name": "dspy-gepa", "max_metric_calls": 80}],
    ids=["refine", "dspy-gepa"],
)
def test_nothing_planted_arrives_under_redact(
    bench: Bench, server: LoopbackServer, tmp_path: Path, optimizer: dict[str, Any]
) -> None:
    state = bench.run(project(tmp_path / "p", server, REDACT, optimizer=optimizer))
    assert state.status == "finished", bench.said(state.run_id)
    got = received(server)
    roles = {record.model for record in server.records()}
    assert len(roles) == 3, roles
    for value in PLANTED:
        assert value not in got and json.dumps(value)[1:-1] not in got, value
    assert "[EMAIL_" in got and "[NAME_" in got and "[SECRET_" in got
    # Placeholders are one to one, and put back before anything is judged: right answers are right.
    best = state.candidates[state.best_id]
    results = Cells(bench.database, state.run_id).results(state.seed_id, "validation").values()
    assert {result.output for result in results} <= {"unknown", *(person[2] for person in PEOPLE)}
    right = [
        result for result in results for check in result.checks if check.name == "exact" and check.passed
    ]
    assert right and all(result.output != "unknown" for result in right)
    assert state.withheld.redacted["email"] > 10 and state.withheld.calls > 10
    # What the prompt says of itself is in the winner; what cases say is not.
    assert AGENT in best.text and "[EMAIL_" not in best.text


def test_nothing_is_sent_under_block_and_all_places_are_told_without_a_value(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError) as refused:
        bench.create(project(tmp_path / "p", server, {"pii": "block"}))
    said = str(refused.value)
    assert "case c0, input" in said or "prompt: " in said
    assert "e-mail address" in said and 'compliance.pii = "block"' in said
    assert not [value for value in PLANTED if value in said]
    assert not server.records()


def test_a_key_is_blocked_where_nobody_said_anything(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match=r"keys? or passwords?") as refused:
        bench.create(project(tmp_path / "p", server, {}))
    assert KEY not in str(refused.value)
    assert not server.records()


@pytest.mark.parametrize("points", [(5,), (20, 45)])
def test_a_killed_run_goes_on_with_the_same_placeholders(
    bench: Bench, server: LoopbackServer, tmp_path: Path, points: tuple[int, ...]
) -> None:
    server.latency = 0.01
    optimizer = {"name": "refine", "max_iterations": 2}
    run_id = bench.create(project(tmp_path / "p", server, REDACT, optimizer=optimizer))
    bench.start(run_id)
    for answers in points:
        kill_after(bench, server, run_id, answers)
        bench.start(run_id)
    state = bench.end(run_id)
    assert state.status == "finished", bench.said(run_id)
    assert server.answered_twice() == {}
    got = received(server)
    assert not [value for value in PLANTED if value in got]
    # One person is one placeholder, in every request of every worker.
    by_ticket: dict[str, set[str]] = {}
    for ticket, email in re.findall(r"Ticket (\d+): [^\"]*?Write to (\[EMAIL_\w+\])", got):
        by_ticket.setdefault(str(int(ticket) % len(PEOPLE)), set()).add(email)
    assert len(by_ticket) == len(PEOPLE) and all(len(names) == 1 for names in by_ticket.values())
    sent = "\n".join(Journal(bench.database, run_id).requests())
    assert state.withheld.redacted["email"] == len(re.findall(r"\[EMAIL_\w+\]", sent))


def test_nothing_of_it_is_in_what_is_kept_of_requests(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    state = bench.run(
        project(tmp_path / "p", server, REDACT, optimizer={"name": "refine", "max_iterations": 1})
    )
    sent = "\n".join(Journal(Database.open(), state.run_id).requests())
    assert sent and not [value for value in PLANTED if value in sent]


def test_a_local_endpoint_may_have_everything_if_the_project_says_so(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    run = {"optimizer": {"name": "refine", "max_iterations": 1}}
    state = bench.run(project(tmp_path / "p", server, {**REDACT, "local": "allow"}, **run))
    assert AGENT in received(server) and not state.withheld.redacted
