"""trace: every call of a run, found again by role, outcome, case and text; keys and inputs left out."""

from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.chat import ChatRequest, EmbedRequest, LLMResponse
from promptopt.domain.events import Role
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.vectors import pack
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.journal import Journal
from promptopt.store.runs import Runs
from promptopt.store.trace import Wanted, trace
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import BEST, DATASET, SEED, settings

KEY = "sk-test-0123456789abcdefghij"


@pytest.fixture
def cli(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("OPENAI_API_KEY", "exact-value-of-a-key")
    return cli


class Story:
    """A run whose journal has calls of every kind."""

    def __init__(self, folder: Path) -> None:
        self.database = Database.open()
        self.run_id = Runs(self.database).create(settings(), DATASET, folder)
        self.journal = Journal(self.database, self.run_id)
        self.number = 0
        cells = Cells(self.database, self.run_id)
        for prompt in (SEED, BEST):
            cells.keep_prompt(prompt)

    def request(self, prompt: Prompt, number: int) -> ChatRequest:
        messages = tuple(prompt.render(DATASET.validation[number]))
        return ChatRequest(model="openai/gpt-4o-mini", messages=messages, temperature=0.0, max_tokens=64)

    def intend(self, request: ChatRequest, role: Role = "target", path: str = "", case: str = "") -> str:
        self.number += 1
        place = (request.content_key(), path, 0)
        if case:
            self.journal.concerns(place, case)
        name = f"i{self.number}"
        self.journal.intend(name, role, 0.5, 100, "", place)
        return name

    def answer(self, number: int, text: str, case: str = "", prompt: Prompt = SEED) -> None:
        request = self.request(prompt, number)
        name = self.intend(request, case=case)
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        response = LLMResponse(text=text, usage=usage, cost=0.25, latency=1.5)
        self.journal.record(name, "target", request, (request.content_key(), "", 0), response)

    def tell(self) -> "Story":
        self.answer(0, "first line\nsecond", "c4")
        request = self.request(SEED, 1)
        refused = self.intend(request, case="c5")
        self.journal.settle(refused, "target", "refused", 0.0, 0, "429: slow down")
        lost = self.intend(request, case="c5")
        self.journal.settle(lost, "target", "unknown", 0.5, 100, "no answer in time")
        self.journal.record("f1", "target", request, (request.content_key(), "", 0), "gave up")
        proposal = ChatRequest(model="m", messages=(Message(role="user", content="improve it"),))
        name = self.intend(proposal, "optimizer", "propose/1/1")
        place = (proposal.content_key(), "propose/1/1", 0)
        self.journal.record(name, "optimizer", proposal, place, LLMResponse(text="a better prompt"))
        unsent = self.intend(request)
        self.journal.settle(unsent, "target", "unsent", 0.0, 0, "stopped")
        self.intend(self.request(SEED, 2), case="c6")
        return self

    def end(self, status: str = "finished") -> str:
        Runs(self.database).summarize(self.run_id, status=status)
        self.database.close()
        return self.run_id


def told(cli: CommandLine, *arguments: str) -> list[dict[str, Any]]:
    result = cli("trace", "latest", *arguments, "--json")
    assert result.status == 0, result.err
    return result.objects


def test_every_kind_is_told_in_order(cli: CommandLine, tmp_path: Path) -> None:
    Story(tmp_path).tell().end()
    calls = told(cli)
    assert [call["status"] for call in calls] == ["answered", "refused", "lost", "failed", "answered", "lost"]
    assert [call["case_id"] for call in calls] == ["c4", "c5", "c5", "c5", "", "c6"]
    assert [call["at"] for call in calls] == sorted(call["at"] for call in calls)
    assert (calls[0]["tokens"], calls[0]["usd"], calls[0]["seconds"]) == (10, 0.25, 1.5)
    assert calls[4]["path"] == "propose/1/1" and calls[4]["usd"] is None
    assert calls[2]["usd"] == 0.5 and calls[2]["model"] == "openai/gpt-4o-mini"


def test_what_is_open_in_a_live_run_is_waiting_not_lost(cli: CommandLine, tmp_path: Path) -> None:
    Story(tmp_path).tell().end("running")
    assert told(cli)[-1]["status"] == "waiting"
    assert [call["error"] for call in told(cli, "--status", "lost")] == ["no answer in time"]


@pytest.mark.parametrize(
    ("filters", "statuses"),
    [
        (["--role", "optimizer"], ["answered"]),
        (["--status", "refused"], ["refused"]),
        (["--status", "failed"], ["failed"]),
        (["--case", "c5"], ["refused", "lost", "failed"]),
        (["--case", "c6"], ["lost"]),
        (["--grep", "SECOND"], ["answered"]),
        (["--grep", "slow down"], ["refused"]),
        (["--grep", 'no"thing'], []),
        (["--grep", "ticket 5"], ["refused", "lost", "failed"]),
        (["--role", "target", "--limit", "2"], ["failed", "lost"]),
        (["--limit", "0"], ["answered", "refused", "lost", "failed", "answered", "lost"]),
    ],
)
def test_filters(cli: CommandLine, tmp_path: Path, filters: list[str], statuses: list[str]) -> None:
    Story(tmp_path).tell().end()
    assert [call["status"] for call in told(cli, *filters)] == statuses


def test_a_call_of_an_older_version_is_matched_to_its_case_by_content(
    cli: CommandLine, tmp_path: Path
) -> None:
    story = Story(tmp_path)
    story.answer(3, "by the best prompt", prompt=BEST)
    story.end()
    assert [call["answer"] for call in told(cli, "--case", "c7")] == ["by the best prompt"]
    assert told(cli, "--case", "c4") == []


def test_text_that_is_stored_escaped_is_found(cli: CommandLine, tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.answer(0, 'Grüße, "quoted"')
    story.end()
    assert len(told(cli, "--grep", "grüße")) == len(told(cli, "--grep", '"quoted')) == 1
    assert len(told(cli, "--grep", "%")) == 0


def test_a_reused_answer_says_who_paid(cli: CommandLine, tmp_path: Path) -> None:
    story = Story(tmp_path)
    request = story.request(SEED, 0)
    response = LLMResponse(text="again", usage={"prompt_tokens": 7, "completion_tokens": 3}, cost=0.25)
    place = (request.content_key(), "", 0)
    story.journal.record("r", "target", request, place, response, reused_from="261125-abc123")
    story.end()
    (call,) = told(cli)
    assert (call["reused_from"], call["usd"], call["status"]) == ("261125-abc123", 0.0, "answered")
    assert "from run 261125-abc123: again" in cli("trace", "latest").out


def test_full_shows_what_was_sent_and_what_an_attempt_asked(cli: CommandLine, tmp_path: Path) -> None:
    Story(tmp_path).tell().end()
    shown = cli("trace", "latest", "--full").out
    assert "[user]" in shown and "ticket 4" in shown and "    second" in shown
    refused = told(cli, "--full", "--status", "refused")[0]
    assert "ticket 5" in refused["request"]["messages"][-1]["content"]
    assert "request" not in told(cli)[0]


def test_keys_are_left_out_wherever_they_are(cli: CommandLine, tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.answer(0, f"the key is {KEY}, or exact-value-of-a-key")
    request = ChatRequest(model="m", messages=(Message(role="system", content=f'"{KEY}"\n'),))
    story.journal.record("x", "target", request, (request.content_key(), "", 0), f"401 for {KEY}")
    story.end()
    for arguments in (["--full"], ["--full", "--json"], [], ["--grep", "key", "--full"]):
        shown = cli("trace", "latest", *arguments).out
        assert shown and "sk-test" not in shown and "exact-value" not in shown
        assert "[redacted]" in shown
    assert told(cli, "--grep", KEY) == []


def test_inputs_are_left_out_if_asked(cli: CommandLine, tmp_path: Path) -> None:
    story = Story(tmp_path).tell()
    story.answer(3, "you said: ticket 7", "c7")
    story.end()
    for arguments in (["--full"], ["--full", "--json"]):
        shown = cli("trace", "latest", "--redact-inputs", *arguments).out
        assert "ticket 4" not in shown and "ticket 7" not in shown and "withheld" in shown


def test_what_a_model_says_is_safe_for_a_terminal(cli: CommandLine, tmp_path: Path) -> None:
    story = Story(tmp_path)
    story.answer(0, "\x1b]52;c;aGk=\x07\n\x1b[2Jgone", "c4")
    story.end()
    for arguments in ([], ["--full"]):
        shown = cli("trace", "latest", *arguments).out
        assert "\x1b" not in shown and "\x07" not in shown and "␛" in shown


@pytest.mark.parametrize(
    "arguments", [["nosuch"], ["latest", "--case", "nosuch"], ["latest", "--limit", "-1"]]
)
def test_bad_input(cli: CommandLine, tmp_path: Path, arguments: list[str]) -> None:
    Story(tmp_path).tell().end()
    assert cli("trace", *arguments).status != 0


def test_embeddings_are_told_by_their_text_and_not_by_their_numbers(cli: CommandLine, tmp_path: Path) -> None:
    story = Story(tmp_path)
    request = EmbedRequest(model="openai/e", text=f"ticket 4 and {KEY}")
    response = LLMResponse(text="", vector=pack([0.5] * 1536), usage={"prompt_tokens": 5})
    place = (request.content_key(), "embed", 0)
    story.journal.record("e", "embedding", request, place, response)
    story.end()
    (call,) = told(cli, "--role", "embedding", "--grep", "ticket 4", "--full")
    assert call["answer"] == "[an embedding of 1,536 numbers]" and call["path"] == "embed"
    assert call["request"]["text"] == "ticket 4 and [redacted]"
    assert "[text]\n    ticket 4 and [redacted]" in cli("trace", "latest", "--full").out
    shown = cli("trace", "latest", "--full", "--redact-inputs").out
    assert "ticket 4" not in shown and "withheld" in shown


def test_a_run_without_calls_says_so(cli: CommandLine, tmp_path: Path) -> None:
    Story(tmp_path).end()
    result = cli("trace", "latest")
    assert result.out == "" and "no such call" in result.err


def test_the_newest_calls_are_read_without_reading_the_others(cli: CommandLine, tmp_path: Path) -> None:
    story = Story(tmp_path)
    for number in range(4):
        story.answer(number, f"answer {number}")
    story.database.transact(lambda _: None).result()
    with story.database.read() as connection:
        plan = connection.exec_driver_sql(
            "EXPLAIN QUERY PLAN SELECT id, response FROM calls WHERE run_id = 'r' ORDER BY at DESC"
        ).fetchall()
    assert "calls_in_time" in str(plan) and "TEMP B-TREE" not in str(plan)
    newest = trace(story.database, story.run_id, {}, Wanted(), newest_first=True)
    assert next(newest).answer == "answer 3"
    newest.close()
    story.end()
