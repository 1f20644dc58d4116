"""The command line: pause, stop and edit of a run."""

import io
import sys
import time
from pathlib import Path

import pytest

from promptopt.domain import events as ev
from promptopt.domain.results import Comparison, Interval, Verdict
from promptopt.store.commands import (
    Command,
    Commands,
    Decide,
    Edit,
    Guide,
    Inject,
    Mend,
    Pause,
    SetApproval,
    SetConcurrency,
    SetLimits,
    SetModel,
    Step,
    Stop,
    Withdraw,
)
from promptopt.store.database import Database
from promptopt.store.runs import Runs
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import BEST, DATASET, SEED, finished_run, opening, settings, write_events


@pytest.fixture
def cli(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setattr("promptopt.runs.asking.PATIENCE", 0.0)
    return cli


def make_run(folder: Path, status: str = "running", heartbeat_at: float | None = None) -> str:
    """A run with a worker that is alive, but takes no command up."""
    database = Database.open()
    run_id = Runs(database).create(settings(), DATASET, folder)
    write_events(database, run_id, opening(run_id))
    Runs(database).summarize(run_id, status=status, heartbeat_at=heartbeat_at or time.time())
    database.close()
    return run_id


def asked(run_id: str) -> list[Command]:
    database = Database.open()
    commands = [sent.command for sent in Commands(database, run_id).waiting()]
    database.close()
    return commands


def test_limits_are_changed_by_name(cli: CommandLine, tmp_path: Path) -> None:
    run_id = make_run(tmp_path)
    changes = ("usd=2.5", "target_calls=none", "judge_concurrency=3")
    assert cli("limit", run_id, *changes, "--reason", "more").status == 0
    assert asked(run_id) == [
        SetLimits(limits={"usd": 2.5, "target_calls": None}, reason="more"),
        SetConcurrency(role="judge", most=3, reason="more"),
    ]


def test_several_wishes_are_sent_at_once_and_listed(cli: CommandLine, tmp_path: Path) -> None:
    run_id = make_run(tmp_path)
    assert (
        cli("guide", run_id, "--note", "- short", "--keep", "K", "--avoid", "A", "--withdraw", "7").status
        == 0
    )
    assert asked(run_id) == [
        Guide(form="note", text="- short"),
        Guide(form="keep", text="K"),
        Guide(form="avoid", text="A"),
        Withdraw(number=7),
    ]
    assert cli("guide", run_id).out.strip() == "nothing is asked of proposals"
    tell(run_id, ev.GuidanceGiven(by="ada", number=3, form="keep", text="K\x1b[2J"))
    assert "3  must contain: K␛[2J (ada)" in cli("guide", run_id).out
    assert cli("guide", run_id, "--keep", " ").status == 2


def tell(run_id: str, *events: ev.Event) -> None:
    database = Database.open()
    write_events(database, run_id, list(events))
    database.close()


def test_proposals_are_shown_and_answered(cli: CommandLine, tmp_path: Path) -> None:
    run_id = make_run(tmp_path)
    assert "no proposal waits" in cli("approve", run_id).out
    tell(
        run_id,
        ev.ProposalWaiting(candidate_id="abcd", text="Sort it.\nWell.", iteration=2, reasoning="clearer"),
        ev.ProposalWaiting(candidate_id="abzz", text="Sort."),
    )
    shown = cli("approve", run_id).out
    assert "proposal abcd, iteration 2" in shown and "  | Well." in shown and "why: clearer" in shown
    assert cli("approve", run_id, "--accept", "ab").status == 2
    assert cli("approve", run_id, "--accept", "first", "--on").status == 2
    assert asked(run_id) == []
    cli("approve", run_id, "--on", "--reason", "careful")
    cli("approve", run_id, "--accept", "first")
    cli("approve", run_id, "--reject", "abz", "--reason", "too short")
    cli("approve", run_id, "--off")
    assert asked(run_id) == [
        SetApproval(on=True, reason="careful"),
        Decide(candidate_id="abcd", adopt=True),
        Decide(candidate_id="abzz", adopt=False, reason="too short"),
        SetApproval(on=False),
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("usd", "expected NAME=VALUE"),
        ("dollars=3", "there is no limit 'dollars'"),
        ("usd=lots", "expected a number above 0"),
        ("usd=-1", "expected a number above 0"),
        ("usd=inf", "expected a number above 0"),
        ("target_concurrency=1.5", "a whole number"),
        ("target_concurrency=none", "expected a number"),
        (None, "found no CHANGE"),
    ],
)
def test_limits_that_make_no_sense_are_refused(
    cli: CommandLine, tmp_path: Path, change: str | None, said: str
) -> None:
    run_id = make_run(tmp_path)
    result = cli("limit", run_id, *([change] if change else []))
    assert result.status == 2 and said in result.err and not asked(run_id)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("pause",), Pause()),
        (("stop",), Stop()),
        (("stop", "--now"), Stop(now=True)),
        (("pause", "--reason", "- odd"), Pause(reason="- odd")),
        (("step", "--reason", "slowly"), Step(reason="slowly")),
        (("stop", "--after-iteration"), Stop(after_iteration=True)),
        (("mend", "c1", "--expected", "-1", "--reason", "r"), Mend(case_id="c1", expected="-1", reason="r")),
        (("mend", "c1", "--drop"), Mend(case_id="c1")),
        (("model", "optimizer", "model=x/y"), SetModel(role="optimizer", changes={"model": "x/y"})),
        (("inject", "--text", "new", "--reason", "an idea"), Inject(text="new", reason="an idea")),
        (("edit", "--text", "new"), Edit(text="new")),
        (("edit", "--text", "new", "--if-not-worse"), Edit(text="new", adopt="if_not_worse")),
        (("edit", "--text", "- new", "--ask"), Edit(text="- new", adopt="ask")),
    ],
)
def test_a_command_is_sent(
    cli: CommandLine, tmp_path: Path, arguments: tuple[str, ...], command: Command
) -> None:
    run_id = make_run(tmp_path)
    result = cli(arguments[0], run_id, *arguments[1:])
    assert result.status == 0 and "asked to" in result.out
    assert asked(run_id) == [command]


def test_the_workers_answer_is_told(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptopt.runs.asking.PATIENCE", 60.0)
    send = Commands.send

    def answered(self: Commands, command: Command, author: str = "") -> int:
        number = send(self, command, author)
        self.done(number, "the search is over")
        return number

    monkeypatch.setattr(Commands, "send", answered)
    run_id = make_run(tmp_path)
    assert cli("edit", run_id, "--text", "new").out.strip() == f"run {run_id}: the search is over"


GAP = Comparison(
    difference=Interval(mean=-0.25, low=-0.5, high=0.042, n=4),
    p_value=0.4,
    verdict="not distinguishable",
    method="exact",
)


@pytest.mark.parametrize(
    ("verdict", "decided", "said"),
    [
        ("not distinguishable", True, "it was adopted. The search goes on from your prompt."),
        (
            "worse",
            False,
            "your prompt was put aside, for it is worse; the run goes on as if there had been no edit",
        ),
        ("better", None, "it waits for an answer: promptopt attach {run_id}, then press a"),
    ],
)
def test_a_scored_edit_is_told_with_its_figures(
    cli: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verdict: Verdict,
    decided: bool | None,
    said: str,
) -> None:
    monkeypatch.setattr("promptopt.runs.asking.PATIENCE", 60.0)
    run_id = make_run(tmp_path)
    send = Commands.send

    def answered(self: Commands, command: Command, author: str = "") -> int:
        number = send(self, command, author)
        gap = GAP.model_copy(update={"verdict": verdict})
        edited = {"candidate_id": "e", "against_id": SEED.id, "command_id": number}
        database = Database.open()
        told: list[ev.Event] = [
            ev.CandidateProposed(candidate_id="e", text="new", source="human"),
            ev.PromptEdited(**edited, by="ada"),
            ev.EditJudged(**edited, comparison=gap, waiting=decided is None),
        ]
        if decided is not None:
            reason = "" if decided else "it is worse"
            told.append(ev.EditDecided(candidate_id="e", adopted=decided, by="ada", reason=reason))
        write_events(database, run_id, told)
        database.close()
        self.done(number, verdict)
        return number

    monkeypatch.setattr(Commands, "send", answered)
    lines = cli("edit", run_id, "--text", "new").out.splitlines()
    than = "from" if verdict == "not distinguishable" else "than"
    figures = "-25.0 points [-50.0, +4.2] on validation, 4 cases"
    assert lines == [
        f"run {run_id}: your prompt is {verdict} {than} the one before (seed): {figures}",
        f"run {run_id}: {said.format(run_id=run_id)}",
    ]


@pytest.mark.parametrize("name", ["pause", "stop", "edit"])
def test_a_dead_worker_is_told_with_the_way_on(cli: CommandLine, tmp_path: Path, name: str) -> None:
    run_id = make_run(tmp_path, heartbeat_at=1.0)
    result = cli(name, run_id)
    assert result.status == 2 and f"promptopt resume {run_id}" in result.err
    assert not asked(run_id)


@pytest.mark.parametrize("name", ["pause", "edit"])
@pytest.mark.parametrize(
    ("status", "fix"), [("finished", "promptopt run tickets"), ("stopped", "promptopt resume")]
)
def test_a_run_that_is_over_takes_no_command(
    cli: CommandLine, tmp_path: Path, name: str, status: str, fix: str
) -> None:
    result = cli(name, make_run(tmp_path, status))
    assert result.status == 2 and "is over" in result.err and fix in result.err


def test_a_stopped_run_whose_test_was_scored_is_not_to_be_resumed(cli: CommandLine, tmp_path: Path) -> None:
    database = Database.open()
    run_id = finished_run(database, tmp_path)
    database = Database.open()
    end = ev.RunFinished(status="stopped", stop_reason="user", seed_id=SEED.id, best_id=BEST.id, iterations=1)
    write_events(database, run_id, [end])
    Runs(database).summarize(run_id, status="stopped")
    database.close()
    result = cli("pause", run_id)
    assert result.status == 2 and "resume" not in result.err and "promptopt run tickets" in result.err


def test_asking_twice_is_no_fault(cli: CommandLine, tmp_path: Path) -> None:
    paused = cli("pause", make_run(tmp_path, "paused"))
    assert paused.status == 0 and "paused already" in paused.out
    over = cli("stop", make_run(tmp_path, "finished"))
    assert over.status == 0 and "over already" in over.out


def test_an_edit_from_a_file_is_taken_as_it_is(cli: CommandLine, tmp_path: Path) -> None:
    run_id = make_run(tmp_path)
    file = tmp_path / "new.txt"
    file.write_bytes(BEST.text.encode())
    assert cli("edit", run_id, "--file", str(file)).status == 0
    assert asked(run_id) == [Edit(text=BEST.text)]


def test_an_edit_from_standard_input(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = make_run(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"typed\n")))
    assert cli("edit", run_id, "--file", "-").status == 0
    assert asked(run_id) == [Edit(text="typed\n")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--file", "x", "--text", "y"), "one of them"),
        (("--text", "y", "--ask", "--if-not-worse"), "one of them"),
        (("--text", " \n"), "empty"),
        (("--file", "nosuch.txt"), "nosuch.txt"),
        ((), "--file"),
    ],
)
def test_an_edit_that_can_not_be_sent(
    cli: CommandLine, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    run_id = make_run(tmp_path)
    result = cli("edit", run_id, *options)
    assert result.status == 2 and said in result.err
    assert not asked(run_id)


def test_the_current_prompt_is_not_sent_again(cli: CommandLine, tmp_path: Path) -> None:
    run_id = make_run(tmp_path)
    result = cli("edit", run_id, "--text", SEED.text)
    assert result.status == 0 and "nothing was sent" in result.out
    assert not asked(run_id)


def test_the_editor_opens_on_the_current_prompt(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import sys, pathlib\npath = pathlib.Path(sys.argv[1])\n"
        "path.write_text(path.read_text().upper() + '\\n')\n"
    )
    monkeypatch.setenv("VISUAL", f'"{sys.executable}" "{script}"')
    monkeypatch.setattr("promptopt.cli.output.on_terminal", lambda: True)
    run_id = make_run(tmp_path)
    database = Database.open()
    taken = ev.CandidateJudged(candidate_id="b", against_id=SEED.id, accepted=True, reason="gain")
    proposed = ev.CandidateProposed(candidate_id="b", text="the current one", source="optimizer", iteration=1)
    write_events(database, run_id, [proposed, taken])
    database.close()
    assert cli("edit", run_id).status == 0
    assert asked(run_id) == [Edit(text="THE CURRENT ONE")]


@pytest.mark.parametrize("editor", ["/nosuch/editor", f'"{sys.executable}" -c "raise SystemExit(3)"'])
def test_an_editor_that_fails_sends_nothing(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, editor: str
) -> None:
    monkeypatch.setenv("VISUAL", editor)
    monkeypatch.setattr("promptopt.cli.output.on_terminal", lambda: True)
    run_id = make_run(tmp_path)
    assert cli("edit", run_id).status == 2
    assert not asked(run_id)


def test_the_way_on_from_a_run_of_a_project_elsewhere_is_its_folder(cli: CommandLine, tmp_path: Path) -> None:
    folder = tmp_path / "my project"
    folder.mkdir()
    (folder / "project.toml").touch()
    result = cli("pause", finished_run(Database.open(), folder))
    assert result.status == 2 and f"promptopt run '{folder}'" in result.err
