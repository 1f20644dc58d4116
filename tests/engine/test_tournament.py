"""Tournaments in whole runs, over real HTTP, with judges that lean to a place, err, and mumble."""

import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.prompt import Prompt
from promptopt.runs.launch import Frozen
from promptopt.runs.playing import Player, create_tournament
from promptopt.runs.state import RunState
from promptopt.store.casefiles import load_dataset
from promptopt.store.cells import Cells
from promptopt.store.commands import Edit, Pause, Resume, Stop
from promptopt.store.projects import load_project
from promptopt.tournament.config import TournamentConfig
from tests.engine.bench import Bench
from tests.loopback import API_KEY, API_KEY_ENV, LoopbackServer, write_project
from tests.loopback.persona import LABELS, PHRASES, SEED_PROMPT, LabelTask
from tests.loopback.wire import Call

WARM = True

SIZES = (2, 30, 2)
PROMPTS = [Prompt(text="\n".join([SEED_PROMPT, *PHRASES[:n]])) for n in (0, 2, 4, 3)]
"""The third one gets every ticket right."""


def part(call: Call, name: str) -> str:
    return call.messages[1][1].partition(f"<{name}-")[2].partition(">\n")[2].partition(f"\n</{name}-")[0]


def chance(*parts: str) -> float:
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:8], "big") / 2**64


class Judges(LabelTask):
    """The label task, and judges beside it: ``fair`` by worth, ``leaning`` to the first place if it is close,
    ``noisy`` wrong on a fifth, ``mumbling`` unreadable on a fifth, ``place`` always for what stands first.
    """

    def __call__(self, call: Call) -> str:
        kind = re.search(r"judge-(\w+)", call.model)
        if kind is None:
            return super().__call__(call)
        assert "<second-" in call.text and SEED_PROMPT not in call.text
        return self.judge(kind[1], call)

    def judge(self, kind: str, call: Call) -> str:
        first, second = (self.worth(call, name) for name in ("first", "second"))
        draw = chance(kind, call.messages[1][1])
        if kind == "mumbling" and draw < (0.2 if len(call.messages) == 2 else 0.1):
            return "Both have their charm."
        if kind == "place" or (kind == "leaning" and abs(first - second) < 0.6):
            first = second + 1
        if kind == "noisy" and draw < 0.2:
            first, second = second, first
        winner = "tie" if first == second else "first" if first > second else "second"
        said = json.dumps({"reason": f"by {kind}", "winner": winner, "confidence": 0.9})
        return f"Let me see. {said}" if kind == "fair" else said

    def worth(self, call: Call, name: str) -> float:
        output, right = part(call, name), part(call, "reference")
        return 1.0 if output == right else 0.5 if right in output else 0.0


@pytest.fixture
def server(loopback: LoopbackServer) -> LoopbackServer:
    loopback.behaviour = Judges()
    return loopback


def judge(server: LoopbackServer, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "name": kind,
        "model": f"openai/judge-{kind}",
        "base_url": f"{server.url}/v1",
        "api_key_env": API_KEY_ENV,
        "price": {"input": 1.0, "output": 2.0},
        "max_tokens": 100,
        **more,
    }


def project(folder: Path, server: LoopbackServer, judges: Sequence[str], **overrides: Any) -> Path:
    panel = {"judges": [judge(server, kind) for kind in judges]} if judges else {}
    return write_project(folder, server, SIZES, **panel, **overrides)


def create(bench: Bench, path: Path, prompts: Sequence[Prompt] = PROMPTS, **config: Any) -> str:
    found = load_project(path)
    dataset = load_dataset(found.settings, found.dir).dataset
    frozen = Frozen(found.settings, dataset, found.dir, path)
    players = [Player(prompt, label=f"p{n}", source="human") for n, prompt in enumerate(prompts)]
    return create_tournament(bench.database, frozen, players, TournamentConfig(**config))


def run(bench: Bench, path: Path, **config: Any) -> RunState:
    run_id = create(bench, path, **config)
    bench.start(run_id)
    return bench.end(run_id)


def test_a_panel_of_judges_with_faults_finds_the_best_one(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    kinds = ("fair", "leaning", "noisy", "mumbling")
    path = project(tmp_path / "p", server, kinds)
    state = run(bench, path, judging="judges", voting="weighted")
    assert state.status == "finished", bench.said(state.run_id)
    assert state.finished and state.finished.stop_reason == "played"
    assert state.best_id == PROMPTS[2].id and state.tournament and state.tournament.final
    assert [rating.candidate_id for rating in state.tournament.ratings][:2] == [PROMPTS[2].id, PROMPTS[3].id]
    asked = {kind: server.count(model=f"judge-{kind}") for kind in kinds}
    assert all(asked.values()) and state.meters["judge_calls"].spent == sum(asked.values())
    assert state.meters["judge_usd"].spent > 0 and state.meters["calls"].spent == server.count()
    assert asked["mumbling"] > asked["fair"]  # what can't be read is asked for once more
    assert [each.name for each in state.judges] == list(kinds) and set(state.models) == {"target"}
    notes = "\n".join(state.tournament.notes)
    assert "judge fair:" in notes and "without a verdict" in notes and "independent votes" in notes
    assert bench.answered(state.run_id) == server.count()


def test_judges_of_one_model_are_asked_apart(bench: Bench, server: LoopbackServer, tmp_path: Path) -> None:
    twins = [judge(server, "fair"), judge(server, "fair", name="second")]
    path = write_project(tmp_path / "p", server, SIZES, judges=twins)
    state = run(bench, path, judging="judges", cases=5)
    paths = Counter(record.body_hash for record in server.records() if "judge" in record.model)
    assert set(paths.values()) == {2} and state.meters["judge_calls"].spent == sum(paths.values())


def test_one_judge_is_enough_and_no_check_is_needed(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    def by_form(call: Call) -> str:
        if "judge" not in call.model:
            return Judges()(call)
        good = [part(call, name) in LABELS for name in ("first", "second")]
        return "tie" if good[0] == good[1] else "first" if good[0] else "second"

    server.behaviour = by_form
    path = write_project(tmp_path / "p", server, SIZES, models={"judge": judge(server, "fair")}, checks=[])
    for file in path.parent.glob("*.jsonl"):
        cases = [json.loads(line) for line in file.read_text().splitlines()]
        file.write_text("".join(json.dumps({**case, "expected": None}) + "\n" for case in cases))
    state = run(bench, path, judging="judges", format="swiss")
    assert state.status == "finished" and state.best_id == PROMPTS[2].id, bench.said(state.run_id)
    assert set(state.models) == {"target", "judge"} and not state.judges
    assert any("no check applies to any case" in line.text for line in state.activity)


def story(state: RunState) -> dict[str, Any]:
    """All of a tournament's outcome that does not depend on the clock."""
    assert state.finished and state.tournament
    return {
        "matches": [state.matches[number] for number in sorted(state.matches)],
        "standings": state.tournament,
        "end": (state.finished.stop_reason, state.finished.best_id),
        "spent": {name: state.meters[name].spent for name in ("calls", "judge_calls", "tokens")},
    }


CONFIGS: dict[str, dict[str, Any]] = {
    "round_robin": {"format": "round_robin", "judging": "judges", "voting": "weighted", "cases": 20},
    "duels": {"format": "duels", "judging": "judges", "orders": "balanced", "duels": 30},
}
KINDS = ("noisy", "mumbling", "leaning")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The stories of tournaments that nobody kills."""
    folder = tmp_path_factory.mktemp("undisturbed")
    told: dict[str, dict[str, Any]] = {}
    with pytest.MonkeyPatch.context() as patch, LoopbackServer(Judges()) as server:
        patch.setenv("PROMPTOPT_HOME", str(folder / "home"))
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        patch.setenv(API_KEY_ENV, API_KEY)
        bench = Bench()
        path = project(folder / "project", server, KINDS)
        for name, config in CONFIGS.items():
            state = run(bench, path, **config)
            assert state.status == "finished", bench.said(state.run_id)
            told[name] = story(state)
        bench.close()
    return told


@pytest.mark.parametrize("name", CONFIGS)
def test_killed_and_resumed_a_tournament_asks_nothing_twice_and_ends_the_same(
    bench: Bench,
    server: LoopbackServer,
    tmp_path: Path,
    undisturbed: dict[str, dict[str, Any]],
    name: str,
) -> None:
    server.latency = 0.02
    run_id = create(bench, project(tmp_path / "p", server, KINDS), **CONFIGS[name])
    bench.start(run_id)
    whole = undisturbed[name]["spent"]["calls"]
    for share in (0.2, 0.7):
        answers = int(share * whole)
        bench.wait(lambda n=answers: server.count(answered=True) >= n, lambda: bench.said(run_id))
        bench.kill(run_id)
        assert bench.status(run_id) == "interrupted"
        bench.start(run_id)
    state = bench.end(run_id)
    assert server.answered_twice() == {}
    assert story(state) == undisturbed[name], bench.said(run_id)


def test_stopped_and_resumed_it_goes_on_where_it_was(
    bench: Bench, server: LoopbackServer, tmp_path: Path, undisturbed: dict[str, dict[str, Any]]
) -> None:
    server.latency = 0.02
    run_id = create(bench, project(tmp_path / "p", server, KINDS), **CONFIGS["round_robin"])
    bench.start(run_id)
    bench.until(run_id, lambda state: len(state.matches) >= 2)
    bench.send(run_id, Stop(now=True))
    stopped = bench.end(run_id)
    assert stopped.status == "stopped" and stopped.resumable and stopped.finished
    bench.start(run_id)
    state = bench.until(run_id, lambda state: state.status == "finished")
    assert story(state) == undisturbed["round_robin"]
    assert server.answered_twice() == {}


@pytest.mark.parametrize("budget", [{"judge_calls": 40}, {"calls": 90}])
def test_caps_hold_and_what_was_played_is_kept(
    bench: Bench, server: LoopbackServer, tmp_path: Path, budget: dict[str, float]
) -> None:
    path = project(tmp_path / "p", server, KINDS, budget=budget)
    state = run(bench, path, judging="judges")
    assert state.status == "finished", bench.said(state.run_id)
    assert state.finished and state.finished.stop_reason == "budget"
    for name, meter in state.meters.items():
        if meter.limit is not None:
            assert meter.spent + meter.uncertain <= meter.limit, name
    assert state.tournament and not state.tournament.final


def test_a_pause_holds_judges_and_an_edit_is_refused(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    server.latency = 0.05
    run_id = create(bench, project(tmp_path / "p", server, ["fair"]), judging="judges")
    bench.start(run_id)
    bench.until(run_id, lambda s: s.meters.get("judge_calls") and s.meters["judge_calls"].spent)
    bench.send(run_id, Edit(text="Another one."))
    bench.send(run_id, Pause())
    bench.until(
        run_id,
        lambda s: s.status == "paused" and not s.in_flight and s.meters["calls"].spent == server.count(),
    )
    count = server.count(model="judge")
    bench.send(run_id, Resume())
    state = bench.end(run_id)
    assert state.status == "finished" and server.count(model="judge") > count
    assert state.edit is None and len(state.candidates) == len(PROMPTS)


def test_candidates_of_a_run_play_on_the_answers_that_it_has(
    bench: Bench, server: LoopbackServer, tmp_path: Path
) -> None:
    path = write_project(tmp_path / "p", server, (8, 12, 8), cache={"reuse": True})
    first = bench.run(path)
    before = server.count()
    cells = Cells(bench.database, first.run_id)
    prompts = [cells.prompt(candidate.id) for candidate in first.standings() if candidate.validation]
    assert len(prompts) > 2
    state = run(bench, path, prompts=[prompt for prompt in prompts if prompt], judging="metric")
    assert server.count() == before and set(state.reused) == {first.run_id}
    assert state.meters["calls"].spent == 0 and state.matches
