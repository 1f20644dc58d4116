"""A run's prompt is deployed, and watched over HTTP: a server that drifts, webhooks that fail, kills."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from promptopt.enterprise.monitoring import webhook
from promptopt.store.database import Database
from promptopt.store.deployments import Deployments
from promptopt.store.runs import Runs
from tests.engine.bench import Bench
from tests.loopback import LoopbackServer, ticket_cases, write_project
from tests.loopback.persona import LabelTask
from tests.unit.command_line import CommandLine

WARM = True
HOSTILE = "<script>alert(1)</script> =cmd|'/c calc'!A0 ```"


class Receiver:
    """An address that takes messages: it answers with ``statuses`` in turn, then with 200."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.statuses: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(json.loads(raw))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook/secret-path"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setattr(webhook, "PAUSES", (0.0, 0.0))
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def deployed(bench: Bench, loopback: LoopbackServer, tmp_path: Path, cli: CommandLine) -> dict[str, Any]:
    """A deployment of a finished run; the package is in ``folder``."""
    project = write_project(tmp_path / "p", loopback, (12, 12, 40), optimizer={"max_iterations": 4})
    run = bench.run(project)
    assert run.status == "finished", bench.said(run.run_id)
    made = cli("deploy", run.run_id, "--out", str(tmp_path / "pkg"), "--team", "support", "--json")
    assert made.status == 0, made.err
    (told,) = made.objects
    assert told["advice"] == "deploy" and told["gives_new"] and told["n"] == 40, told
    return told


def fresh(folder: Path, n: int, start: int, name: str = "fresh.jsonl") -> str:
    lines = [json.dumps(case) + "\n" for case in ticket_cases(n, start)]
    path = folder / name
    path.write_text("".join(lines), encoding="utf-8")
    return str(path)


def test_fresh_cases_are_scored_once_and_a_server_that_drifts_is_told_of(
    deployed: dict[str, Any],
    loopback: LoopbackServer,
    tmp_path: Path,
    cli: CommandLine,
    receiver: Receiver,
) -> None:
    loopback.clear()
    file = fresh(tmp_path, 30, 500)
    first = cli("monitor", deployed["deployment_id"], "--cases", file, "--json", "--threshold", "0.2")
    (said,) = first.objects
    assert first.status == 0 and said["verdict"] == "holds" and said["cases"] == 30, said
    assert loopback.count() == 30 and said["known"] == {} and said["exit_status"] == 0

    again = cli("monitor", deployed["deployment_id"], "--cases", file, "--json", "--threshold", "0.2")
    assert again.status == 0 and again.objects[0]["run_id"] == said["run_id"]
    assert loopback.count() == 30, "the same file costs nothing"

    loopback.behaviour = LabelTask(base=0.1, ceiling=0.3)
    worse = fresh(tmp_path, 30, 700, "worse.jsonl")
    fallen = cli("monitor", deployed["deployment_id"], "--cases", worse, "--json", "--webhook", receiver.url)
    (told,) = fallen.objects
    assert fallen.status == 1 and told["verdict"] == "has fallen" and told["score"] < 0.6, told
    (message,) = receiver.bodies
    assert message["verdict"] == "has fallen" and message["text"].startswith("tickets: has fallen")
    assert "Ticket" not in json.dumps(message) and "key" not in json.dumps(message)
    assert told["webhook"] == {"host": receiver.url[7:].partition("/")[0], "sent": True,
                               "attempts": 1, "detail": ""}  # fmt: skip
    assert "secret-path" not in fallen.out + fallen.err

    # The model is the same, asked anew about the same cases: a drift that fresh answers alone show.
    usage = tmp_path / "usage.csv"
    usage.write_text(f"timestamp,user,version\n2026-11-01,a,{deployed['prompt_id']}\n", encoding="utf-8")
    anew = cli("monitor", "latest", "--cases", file, "--json", "--again", "--usage", str(usage))
    assert anew.objects[0]["usage"]["versions"][0]["deployed"] is True
    assert anew.status == 1 and anew.objects[0]["run_id"] != said["run_id"]

    page = tmp_path / "dash.html"
    history = cli("monitor", "latest", "--history", "--html", str(page))
    assert history.status == 1 and history.out.count("has fallen") == 2
    text = page.read_text("utf-8")
    assert text.count("<circle") >= 6 and "http" not in text.replace("http-equiv", "")
    listed = cli("deployments", "--json").objects[0]
    assert listed[0]["verdict"] == "has fallen" and listed[0]["monitorings"] == 3


def test_a_webhook_that_fails_changes_the_exit_status_and_not_the_verdict(
    deployed: dict[str, Any], tmp_path: Path, cli: CommandLine, receiver: Receiver
) -> None:
    file = fresh(tmp_path, 12, 600)
    receiver.statuses = [503, 429]
    told = cli("monitor", "latest", "--cases", file, "--json", "--webhook", receiver.url)
    assert told.status == 2 and told.objects[0]["webhook"]["attempts"] == 3
    receiver.statuses = [500, 500, 500]
    failed = cli("monitor", "latest", "--cases", file, "--json", "--webhook", receiver.url)
    assert failed.status == 12 and failed.objects[0]["verdict"] == "can't tell"
    assert failed.objects[0]["webhook"]["sent"] is False and "secret-path" not in failed.out + failed.err
    receiver.statuses = [302]
    moved = cli("monitor", "latest", "--cases", file, "--webhook", receiver.url)
    assert moved.status == 12 and "answered 302" in moved.err
    receiver.close()
    gone = cli("monitor", "latest", "--cases", file, "--webhook", receiver.url)
    assert gone.status == 12 and "can't be reached" in gone.err
    for bad in ("ftp://127.0.0.1/x", "file:///etc/passwd", "javascript:1", "http://", "https://a b/"):
        refused = cli("monitor", "latest", "--cases", file, "--webhook", bad)
        assert refused.status == 3 and "no address" in refused.err and "passwd" not in refused.err


def test_texts_of_cases_are_told_only_if_that_is_wanted(
    deployed: dict[str, Any], loopback: LoopbackServer, tmp_path: Path, cli: CommandLine, receiver: Receiver
) -> None:
    loopback.behaviour = lambda call: "nonsense"
    case = {**ticket_cases(1, 900)[0], "input": f"Ticket 900: invoice {HOSTILE}"}
    path = tmp_path / "one.jsonl"
    path.write_text(json.dumps(case), encoding="utf-8")
    cli("monitor", "latest", "--cases", str(path), "--webhook", receiver.url, "--webhook-cases")
    (message,) = receiver.bodies
    assert message["failed"] == [{"id": "t900", "input": f"Ticket 900: invoice {HOSTILE}"}]
    assert "<" not in message["text"]


def test_killed_in_the_middle_the_same_line_goes_on_and_pays_nothing_twice(
    deployed: dict[str, Any], loopback: LoopbackServer, tmp_path: Path, cli: CommandLine, home: Path
) -> None:
    file = fresh(tmp_path, 40, 1000)
    loopback.clear()
    command = [sys.executable, "-m", "promptopt", "monitor", "latest", "--cases", file, "--json"]
    with loopback.holding(after=15):
        process = subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.DEVNULL)
        loopback.wait_for(16)
        with closing(Database.open()) as database:
            (row,) = Deployments(database).history(deployed["deployment_id"])
            worker = Runs(database).find(row.eval_run).pid
        assert worker is not None and not row.done
        os.kill(process.pid, signal.SIGKILL)
        os.kill(worker, signal.SIGKILL)
        process.wait(20)
        # Its answers can't arrive any more.
    done = cli("monitor", "latest", "--cases", file, "--json")
    assert done.status in (0, 2) and done.objects[0]["run_id"] == row.eval_run, done.err
    with closing(Database.open()) as database:
        calls = Runs(database).find(row.eval_run).calls
    answered = {record.body_hash for record in loopback.records() if record.answered}
    assert len(answered) == 40
    repeated = sum(loopback.answered_twice().values()) - len(loopback.answered_twice())
    assert repeated <= 16, "only what was in flight is sent again"
    assert calls <= 40 + 16


def test_a_look_that_met_its_cap_goes_on_under_another_one(
    deployed: dict[str, Any], loopback: LoopbackServer, tmp_path: Path, cli: CommandLine
) -> None:
    file = fresh(tmp_path, 30, 1400)
    loopback.clear()
    short = cli("monitor", "latest", "--cases", file, "--max-usd", "0.0001", "--json")
    assert short.status == 3 and short.objects[-1]["verdict"] is None and "cap on USD" in short.err
    sent = loopback.count()
    assert 0 < sent < 30
    done = cli("monitor", "latest", "--cases", file, "--max-usd", "1", "--json")
    assert done.status in (0, 2), done.err
    assert loopback.count() == 30 and loopback.answered_twice() == {}


def test_another_machine_takes_the_deployment_from_the_package(
    deployed: dict[str, Any], tmp_path: Path, cli: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = fresh(tmp_path, 20, 1200)
    document = tmp_path / "pkg" / "deployment.json"
    monkeypatch.setenv("PROMPTOPT_HOME", str(tmp_path / "elsewhere"))
    told = cli("monitor", str(document), "--cases", file, "--json", "--trust")
    assert told.status in (0, 2), told.err
    assert told.objects[0]["deployment_id"] == deployed["deployment_id"]

    raw = json.loads(document.read_text("utf-8"))
    raw["settings"]["prompt"] += " Ignore it."
    document.write_text(json.dumps(raw), encoding="utf-8")
    changed = cli("monitor", str(document), "--cases", file)
    assert changed.status == 3 and "somebody has changed the file" in changed.err


def test_the_programs_of_a_package_send_what_was_scored(
    deployed: dict[str, Any], loopback: LoopbackServer, tmp_path: Path
) -> None:
    folder = tmp_path / "pkg" / "prompt"
    loopback.clear()
    (case,) = ticket_cases(1, 3)
    call = [sys.executable, "call.py", case["input"]]
    done = subprocess.run(call, cwd=folder, capture_output=True, text=True, env=dict(os.environ), timeout=60)
    assert done.returncode == 0 and done.stdout.strip() == case["expected"], done.stderr
    names: dict[str, Any] = {}
    exec((folder / "prompt.py").read_text("utf-8"), names)
    sent = loopback.records()[-1].body
    assert sent["messages"] == names["messages"]({"input": case["input"]})
    assert sent["max_tokens"] == 64 and sent["temperature"] == 0.0

    script = ["sh", str(folder / "call.sh")]
    shell = subprocess.run(script, capture_output=True, text=True, env=dict(os.environ), timeout=60)
    assert shell.returncode == 0 and "choices" in json.loads(shell.stdout), shell.stderr
    assert loopback.records()[-1].body == json.loads((folder / "example-request.json").read_text("utf-8"))
    for path in (tmp_path / "pkg").rglob("*"):
        assert not path.is_file() or os.environ["LOOPBACK_API_KEY"].encode() not in path.read_bytes(), path
