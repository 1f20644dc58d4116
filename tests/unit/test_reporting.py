"""Pictures: what they show, what they say of simulations, and what hostile names do to them."""

import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt import ResultsDashboard
from promptopt.domain import events as ev
from promptopt.domain.errors import RunError
from promptopt.reporting import canvas
from promptopt.reporting.canvas import SIMULATED, palette, plain, save
from promptopt.reporting.comparison import optimizer_comparison
from promptopt.reporting.curves import learning_curves
from promptopt.reporting.drawing import draw_board
from promptopt.reporting.tournaments import Told, _heights, tournament_brackets, tournament_of
from promptopt.reporting.tradeoffs import pareto_frontier, performance_vs_cost, performance_vs_time
from promptopt.runs.outcomes import Step
from promptopt.runs.scoreboard import NONE, TOGETHER, Entry, Scoreboard, scoreboard
from promptopt.runs.state import RunState
from promptopt.store.database import Database
from tests.unit.command_line import CommandLine
from tests.unit.finished_run import finished_run
from tests.unit.test_scoreboard import ONES, ZEROS, outcome

WILD = "$x_1$ <b>&\\n\u202e漢字 " + "long " * 30
COURSE = (Step(0, 10, 0.1, 0.4, 0.4), Step(1, 30, 0.2, 0.3, 0.4), Step(2, 60, 0.3, 0.7, 0.7))


def board(
    *, simulated: bool = False, datasets: int = 1, label: str = "refine"
) -> tuple[Scoreboard, list[Entry]]:
    entries = [
        Entry(
            f"d{at}",
            name,
            0,
            outcome(
                scores,
                usd=usd,
                simulated=simulated,
                course=() if name == NONE else COURSE,
                kind="eval" if name == NONE else "optimize",
            ),
        )
        for at in range(datasets)
        for name, scores, usd in (
            (NONE, ZEROS, 0.01),
            (label, ONES, 1.0),
            ("other", [*ONES[:6], *ZEROS[:6]], 2.0),
        )
    ]
    return scoreboard(entries), entries


def texts(figure: Any) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]


@pytest.mark.parametrize("simulated", [True, False])
def test_every_picture_says_if_it_shows_a_simulation(simulated: bool) -> None:
    found, entries = board(simulated=simulated)
    for figure in (
        optimizer_comparison(found),
        learning_curves(entries),
        performance_vs_cost(found),
        performance_vs_time(found),
        pareto_frontier(found),
    ):
        assert (SIMULATED in texts(figure)) is simulated


def test_a_comparison_has_each_optimizer_with_its_gain_and_the_best_above() -> None:
    figure = optimizer_comparison(board()[0])
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == [NONE, "other", "refine"]
    assert any(text.startswith("100.0%   ▲ +100.0, p = ") for text in texts(figure))


def test_several_datasets_are_shown_together_and_each() -> None:
    found, _ = board(datasets=3)
    figure = optimizer_comparison(found)
    assert TOGETHER in found.datasets()
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == ["d0", "d1", "d2"]
    assert texts(figure).count("100") == 3


def test_the_front_goes_through_those_that_nobody_beats() -> None:
    figure = pareto_frontier(board()[0])
    weights = {
        text.get_text(): text.get_weight()
        for text in figure.axes[0].texts
        if text.get_text() in (NONE, "refine", "other")
    }
    assert weights == {NONE: "bold", "refine": "bold", "other": "normal"}
    assert figure.axes[0].get_xlabel() == "cost per run, USD"
    calls = pareto_frontier(board()[0], ("calls", "exact"))
    assert (calls.axes[0].get_xlabel(), calls.axes[0].get_ylabel()) == ("calls per run", "exact")
    with pytest.raises(RunError, match="no measure 'beauty'") as failure:
        pareto_frontier(board()[0], ("cost", "beauty"))
    assert "exact" in failure.value.fix


def test_a_curve_climbs_and_shows_of_a_single_run_what_was_rejected() -> None:
    _, entries = board()
    alone = [entry for entry in entries if entry.label == "refine"]
    axes = learning_curves(alone).axes[0]
    line = axes.lines[0]
    assert list(line.get_xdata())[:3] == [10, 30, 60] and list(line.get_ydata())[:3] == [0.4, 0.4, 0.7]
    assert {"seed", "#1", "#2"} <= {text.get_text() for text in axes.texts}
    hollow = [each for each in axes.lines if each.get_markerfacecolor() == "white"]
    assert [each.get_ydata()[0] for each in hollow] == [0.3]


def test_a_run_has_one_colour_and_mark_in_all_pictures_and_no_line_hides_another() -> None:
    entries = board()[1]
    played = Entry("d0", "played", 0, outcome(ONES, kind="tournament"))
    entries = [entries[0], played, *entries[1:]]
    curves = learning_curves(entries).axes[0]
    marks = {(line.get_color(), line.get_marker()) for line in curves.lines if line.get_marker() != "None"}
    colours = palette([entry.label for entry in entries], NONE)
    assert marks == {colours["refine"], colours["other"]}
    styles = [line.get_linestyle() for line in curves.lines if line.get_marker() == "None"]
    assert styles == ["-", "--"]
    figure = optimizer_comparison(scoreboard(entries))
    for axes in figure.axes:
        shown = {(line.get_color(), line.get_marker()) for line in axes.lines}
        assert {pair for pair in shown if pair[1] != "None"} == set(colours.values())


def test_a_judge_without_any_verdict_has_a_dash_in_the_picture() -> None:
    entries = [Entry("d", "a", 0, outcome(ONES), {"j1": {"c0": None}})]
    assert "–" in [text.get_text() for text in optimizer_comparison(scoreboard(entries)).axes[1].texts]


def test_the_mean_of_runs_stays_between_them() -> None:
    def course(seed: int) -> tuple[Step, ...]:
        return tuple(replace(step, calls=step.calls * (seed + 1)) for step in COURSE)

    seeds = [Entry("d", "a", seed, outcome(ONES, course=course(seed))) for seed in range(3)]
    axes = learning_curves(seeds).axes[0]
    thick = max(axes.lines, key=lambda line: line.get_linewidth())
    assert min(thick.get_ydata()) >= 0.4 and max(thick.get_ydata()) == pytest.approx(0.7)


def test_hostile_names_are_drawn_as_text(tmp_path: Path) -> None:
    found, entries = board(label=WILD, datasets=2)
    written = draw_board(found, entries, tmp_path, WILD)
    assert {path.suffix for path in written} == {".png", ".svg"} and len(written) == 10
    for path in written:
        assert path.stat().st_size > 5000
    assert "$" not in plain("a $ b").replace(r"\$", "") and "\u202e" not in plain(WILD)


def test_pictures_are_the_same_every_time(tmp_path: Path) -> None:
    found, _ = board()
    first, second = (
        save(optimizer_comparison(found), tmp_path / name, "x", ("svg",))[0].read_bytes() for name in "ab"
    )
    assert first == second


def test_colours_are_the_same_in_every_picture() -> None:
    names = [f"o{n}" for n in range(20)]
    found = palette([NONE, *names], NONE)
    assert len({found[name] for name in names}) == 20
    assert found[NONE][0] == canvas.BASELINE
    assert palette([*names, NONE], NONE) == found


def rating(candidate_id: str, strength: float) -> ev.Rating:
    return ev.Rating(
        candidate_id=candidate_id,
        rating=strength,
        low=strength - 50,
        high=strength + 50,
        wins=3,
        losses=1,
        ties=0,
        win_rate=0.75,
    )


def elimination(players: int, seed: int) -> list[ev.MatchFinished]:
    """A single elimination; who has nobody to play goes on."""
    dice = random.Random(seed)
    left = [f"p{n}" for n in range(players)]
    matches: list[ev.MatchFinished] = []
    turn = 0
    while len(left) > 1:
        turn += 1
        after: list[str] = []
        for one, two in zip(left[::2], left[1::2], strict=False):
            winner = dice.choice((one, two))
            after.append(winner)
            matches.append(
                ev.MatchFinished(
                    number=len(matches) + 1,
                    stage=f"round {turn}",
                    first_id=one,
                    second_id=two,
                    winner_id=winner,
                    wins=3,
                    losses=1,
                    ties=0,
                )
            )
        left = after + ([left[-1]] if len(left) % 2 else [])
    return matches


@settings(deadline=None)
@given(st.integers(2, 17), st.integers(0, 50))
def test_no_two_matches_of_a_round_lie_on_each_other(players: int, seed: int) -> None:
    matches = elimination(players, seed)
    stages = list(dict.fromkeys(match.stage for match in matches))
    rounds = [[match for match in matches if match.stage == stage] for stage in stages]
    heights = _heights(rounds)
    assert heights.keys() == {match.number for match in matches}
    for played in rounds:
        placed = sorted(heights[match.number] for match in played)
        assert all(b - a > 0.7 for a, b in pairwise(placed))


def test_a_bracket_and_a_table_of_who_beat_whom() -> None:
    matches = elimination(6, 1)
    ratings = [rating(f"p{n}", 100 - 10 * n) for n in range(6)]
    names = {f"p{n}": f"player {n}" for n in range(6)}
    figure = tournament_brackets(Told("single_elimination", ratings, matches, names, True))
    said = texts(figure)
    assert SIMULATED in said and said.count("player 0") >= 2 and "75% won" in said
    assert [label.get_text() for label in figure.axes[1].get_xticklabels()] == [
        "round 1",
        "round 2",
        "round 3",
    ]
    robin = tournament_brackets(Told("round_robin", ratings, matches, names, False))
    assert "3:1" in texts(robin) and "1:3" in texts(robin) and SIMULATED not in texts(robin)


def test_the_tournament_of_a_run() -> None:
    state = RunState()
    with pytest.raises(RunError, match="has held no tournament"):
        tournament_of(state)
    for match in elimination(4, 0):
        state.apply(match, 1.0)
    ratings = [rating(f"p{n}", -n) for n in range(4)]
    over = ev.StandingsUpdated(
        format="single_elimination", ratings=ratings, played=3, final=True, champion_id="p1"
    )
    state.apply(over, 2.0)
    told = tournament_of(state)
    assert len(told.matches) == 3 and told.names.keys() == {"p0", "p1", "p2", "p3"}
    said = " ".join(texts(tournament_brackets(told)))
    assert "3 matches: nobody leads" in said, "p0 is rated higher"
    ahead = over.model_copy(update={"champion_id": "p0"})
    state.apply(ahead, 3.0)
    assert f"{state.name('p0')} leads, not proven" in " ".join(
        texts(tournament_brackets(tournament_of(state)))
    )
    won = replace(told, decided=True)
    assert f"{state.name('p1')} won the final" in " ".join(texts(tournament_brackets(won)))


def test_the_dashboard_has_the_names_of_the_plan() -> None:
    found, entries = board()
    dashboard = ResultsDashboard()
    assert dashboard.plot_optimizer_comparison(found).axes
    assert dashboard.plot_learning_curves(entries).axes
    assert dashboard.plot_performance_vs_cost(found).axes
    assert dashboard.plot_performance_vs_time(found).axes
    assert dashboard.plot_pareto_frontier(found, ["calls", "score"]).axes
    told = Told("swiss", [rating("a", 1), rating("b", -1)], elimination(2, 0), {}, False)
    assert dashboard.plot_tournament_brackets(told).axes


def test_plot_writes_pictures_of_a_run(cli: CommandLine, tmp_path: Path) -> None:
    database = Database.open()
    finished_run(database, tmp_path)
    database.close()
    done = cli("plot", "latest", "--output", str(tmp_path / "p"), "--format", "png", "--json")
    assert done.status == 0, done.err
    names = [Path(path).name for path in done.objects[0]]
    assert "curves.png" in names and all((tmp_path / "p" / name).exists() for name in names)
    (tmp_path / "file").write_text("x", encoding="utf-8")
    done = cli("plot", "latest", "--output", str(tmp_path / "file"))
    assert done.status == 2 and "can't be written" in done.err


def test_without_matplotlib_it_says_what_to_install(
    cli: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canvas, "find_spec", lambda name: None)
    finished_run(Database.open(), tmp_path)
    done = cli("plot", "latest", "--output", str(tmp_path / "p"))
    assert done.status == 2 and "pip install 'promptopt[reports]'" in done.err
