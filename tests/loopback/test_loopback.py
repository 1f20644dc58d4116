"""The test server itself: what other tests rely on."""

import asyncio
import json
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.loopback import (
    API_KEY,
    PHRASES,
    SEED_PROMPT,
    Fault,
    FaultPlan,
    LabelTask,
    LoopbackServer,
    answered_twice_in,
    ticket_cases,
    write_project,
)


def post(url: str, body: dict[str, Any], key: str = API_KEY) -> dict[str, Any]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def ask(server: LoopbackServer, text: str, system: str = SEED_PROMPT, **more: Any) -> str:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    body = {"model": "gpt-4o-mini", "messages": messages, **more}
    answer = post(f"{server.openai_url}/chat/completions", body)
    return answer["choices"][0]["message"]["content"]


def share_right(server: LoopbackServer, instruction: str, cases: list[dict[str, Any]]) -> float:
    return sum(ask(server, case["input"], instruction) == case["expected"] for case in cases) / len(cases)


def test_target_gets_more_right_with_each_phrase_and_all_with_all(loopback: LoopbackServer) -> None:
    cases = ticket_cases(60)
    scores = [
        share_right(loopback, "\n".join((SEED_PROMPT, *PHRASES[:known])), cases)
        for known in range(len(PHRASES) + 1)
    ]
    assert scores == sorted(scores)
    assert scores[0] < scores[2] < scores[-1] == 1.0


def test_optimizer_adds_the_next_missing_phrase_to_the_last_prompt(loopback: LoopbackServer) -> None:
    told = (
        "<current_prompt>\nan example\n</current_prompt>\n\n"
        f"<current_prompt>\nUse {{input}}.\n{PHRASES[0]}\n</current_prompt>"
    )
    body = {"model": "claude-opus-4-5", "max_tokens": 500, "messages": [{"role": "user", "content": told}]}
    answer = post(f"{loopback.url}/v1/messages", body)
    said = json.loads(answer["content"][0]["text"])
    assert said["prompt"] == f"Use {{input}}.\n{PHRASES[0]}\n{PHRASES[1]}"
    assert set(said) == {"prompt", "reasoning", "confidence"}


def test_equal_bodies_answered_twice_are_found_and_failures_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    plan = FaultPlan(attempts=(Fault.SERVER_ERROR,))
    with LoopbackServer(faults=plan, record_file=log) as server:
        with pytest.raises(urllib.error.HTTPError):
            ask(server, "Ticket 1: login")
        ask(server, "Ticket 1: login")
        assert server.answered_twice() == {}
        ask(server, "Ticket 1: login")
        assert list(server.answered_twice().values()) == [2]
        assert answered_twice_in(log) == server.answered_twice()
        assert (server.count(), server.count(answered=True)) == (3, 2)
    assert API_KEY not in log.read_text()


def test_a_fault_plan_draws_the_same_victims_every_time() -> None:
    plan = FaultPlan(rates={Fault.RATE_LIMIT: 0.3, Fault.RESET: 0.2}, seed=4)
    drawn = [plan.pick("m", f"body {number}", 0) for number in range(1000)]
    assert drawn == [plan.pick("m", f"body {number}", 0) for number in range(1000)]
    assert 250 < drawn.count(Fault.RATE_LIMIT) < 350
    assert 150 < drawn.count(Fault.RESET) < 250
    assert plan.pick("m", "body 1", plan.most) is None


def test_wrong_keys_are_refused() -> None:
    with LoopbackServer(keys=["right"]) as server:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        assert post(f"{server.openai_url}/chat/completions", body, "right")["choices"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            post(f"{server.openai_url}/chat/completions", body, "wrong")


def test_replies_are_cut_at_max_tokens() -> None:
    with LoopbackServer(lambda _: "word " * 100) as server:
        assert ask(server, "hi", max_tokens=3) == "word word wo"


async def test_holding_keeps_answers_back(loopback: LoopbackServer) -> None:
    with loopback.holding():
        asking = [asyncio.to_thread(ask, loopback, f"Ticket {n}: login") for n in range(3)]
        tasks = [asyncio.ensure_future(one) for one in asking]
        await asyncio.to_thread(loopback.wait_for, 3)
        assert loopback.count(answered=True) == 0
    assert len(await asyncio.gather(*tasks)) == loopback.peak == 3


def test_as_a_process_it_prints_its_port_and_writes_its_record(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    command = [sys.executable, "-m", "tests.loopback", "--port", "0", "--record", str(log), "--until-eof"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdin and process.stdout
        url = f"http://127.0.0.1:{int(process.stdout.readline())}/v1/chat/completions"
        for _ in range(2):
            post(url, {"model": "m", "messages": [{"role": "user", "content": "Ticket 1: login"}]})
        process.stdin.close()
        assert process.wait(10) == 0
    assert list(answered_twice_in(log).values()) == [2]


def test_project_file_merges_overrides(tmp_path: Path) -> None:
    path = write_project(
        tmp_path / "p",
        "http://127.0.0.1:1",
        sizes=(2, 3, 4),
        budget={"usd": 1.0},
        models={"target": {"retries": 0, "temperature": None}},
    )
    settings = tomllib.loads(path.read_text())
    assert settings["models"]["target"]["base_url"] == "http://127.0.0.1:1/v1"
    assert settings["models"]["target"]["retries"] == 0
    assert "temperature" not in settings["models"]["target"]
    assert settings["budget"] == {"usd": 1.0}
    lines = {
        name: len((path.parent / f"{name}.jsonl").read_text().splitlines())
        for name in ("train", "val", "test")
    }
    assert lines == {"train": 2, "val": 3, "test": 4}


def test_more_phrases_never_break_a_ticket() -> None:
    task = LabelTask(base=0.2, ceiling=0.9)
    tickets = [case["input"] for case in ticket_cases(200)]
    solved: set[str] = set()
    for known in range(len(PHRASES) + 1):
        now = {ticket for ticket in tickets if task.solves(" ".join(PHRASES[:known]), ticket)}
        assert solved <= now
        solved = now
    assert 0.8 < len(solved) / len(tickets) < 1.0
