"""A tournament as its events tell it: fold, bracket, who beat whom, figures and lines."""

import json

from promptopt.cli.standings import bar, standings
from promptopt.domain import events as ev
from promptopt.domain.results import Interval
from promptopt.runs.brackets import leader, progress, rounds, tournament_figures, won
from promptopt.runs.state import RunState
from promptopt.runs.summary import summarize


def rated(*ids: str) -> list[ev.Rating]:
    return [
        ev.Rating(
            candidate_id=name,
            rating=100.0 - 50 * place,
            low=-50.0 * place,
            high=200.0 - 50 * place,
            wins=3 - place,
            losses=place,
            ties=1,
            win_rate=0.5,
            p_best=0.6 if place == 0 else 0.1,
        )
        for place, name in enumerate(ids)
    ]


def match(number: int, stage: str, first: str, second: str, wins: int, losses: int) -> ev.MatchFinished:
    winner = first if wins > losses else second if losses > wins else None
    return ev.MatchFinished(
        number=number, stage=stage, first_id=first, second_id=second, winner_id=winner, wins=wins,
        losses=losses, ties=1, reason="ahead",
    )  # fmt: skip


def played(
    format: str, matches: list[ev.MatchFinished], *, final: bool = False, decided: bool = False
) -> RunState:
    state = RunState()
    state.apply(
        ev.RunStarted(run_id="r", project="p", optimizer="tournament", models={}, sizes={"validation": 9}),
        1.0,
    )
    state.apply(ev.PhaseStarted(phase="tournament"), 1.0)
    for name in "abcd":
        label = "new.txt" if name == "d" else ""
        source: ev.Source = "seed" if name == "a" else "human" if name == "d" else "optimizer"
        state.apply(
            ev.CandidateProposed(candidate_id=name, text=name, source=source, iteration=2, label=label), 1.0
        )
    state.apply(ev.StandingsUpdated(format=format, ratings=rated(*"abcd"), played=0, planned=5), 1.0)
    for each in matches:
        state.apply(each, 2.0)
    state.apply(
        ev.StandingsUpdated(
            format=format, ratings=rated("b", "a", "c", "d"), played=len(matches), planned=5, final=final,
            champion_id="b" if final else "", decided=decided, notes=["the judge: 9 pairs"],
        ),
        3.0,
    )  # fmt: skip
    return state


ROUNDS = [
    match(1, "round 1", "a", "b", 2, 4),
    match(2, "round 1", "c", "d", 3, 3),
    match(3, "round 2", "b", "a", 1, 0),
]
BRACKET = [match(1, "semi-final", "a", "d", 4, 0), match(2, "final", "a", "b", 1, 5)]


def test_who_beat_whom_is_counted_over_all_their_matches() -> None:
    assert won(ROUNDS) == {"a": {"b": 2}, "b": {"a": 5}, "c": {"d": 3}, "d": {"c": 3}}
    assert won([]) == {}


def test_a_bracket_is_read_from_the_matches() -> None:
    first, last = rounds(played("single_elimination", BRACKET, final=True))
    assert (first.name, [m.number for m in first.matches], set(first.byes)) == ("semi-final", [1], {"b", "c"})
    assert (last.name, [m.number for m in last.matches]) == ("final", [2])
    assert rounds(played("swiss", ROUNDS)) == [] and rounds(RunState()) == []


def test_how_far_it_is_and_who_leads() -> None:
    assert progress(played("round_robin", ROUNDS)) == "round robin, 3 of 5 matches"
    assert progress(played("swiss", ROUNDS, final=True)) == "Swiss rounds, 3 matches"
    assert leader(played("swiss", ROUNDS)) == "#2 b leads (chance to be the best 60%)"
    assert "is not proven the best" in leader(played("swiss", ROUNDS, final=True))
    assert leader(played("swiss", ROUNDS, final=True, decided=True)) == "#2 b won the final"
    assert progress(RunState()) == leader(RunState()) == leader(played("swiss", [])) == ""


def test_nobody_leads_unless_the_ratings_say_so() -> None:
    state = played("swiss", ROUNDS, final=True)
    assert state.tournament
    level = [
        each.model_copy(update={"rating": 1e-9 * n, "p_best": 0.24 + n / 100})
        for n, each in enumerate(state.tournament.ratings)
    ]
    state.apply(state.tournament.model_copy(update={"ratings": level, "final": False}), 4.0)
    assert leader(state) == "nobody leads (highest chance to be the best 27%)"
    state.apply(state.tournament.model_copy(update={"ratings": level, "final": True}), 5.0)
    assert leader(state).startswith("nobody leads, and nobody is proven the best")
    assert "b is not ahead of all others and is not proven the best" in state.activity[-1].text


def test_the_leader_is_the_best_of_a_run_that_only_plays() -> None:
    assert played("swiss", []).best_id == ""
    assert played("swiss", ROUNDS).best_id == "b" and played("swiss", ROUNDS).has_search is False
    state = played("swiss", ROUNDS, final=True)
    assert state.name("d") == "new.txt d" and state.name("a") == "seed"
    stopped = ev.RunFinished(status="stopped", stop_reason="user", seed_id="a", best_id="b", iterations=0)
    state.apply(stopped, 4.0)
    assert state.resumable


def test_a_match_that_is_told_of_again_is_one_line_of_the_log() -> None:
    state = played("duels", ROUNDS)
    lines = len(state.activity)
    state.apply(match(3, "duels", "b", "a", 2, 1), 4.0)
    assert len(state.activity) == lines and state.matches[3].wins == 2
    state.apply(ev.StandingsUpdated(format="duels", ratings=rated("a"), played=0), 5.0)
    assert state.matches == {}


def test_a_score_on_fewer_cases_takes_nothing_back() -> None:
    state = played("swiss", ROUNDS)

    def scored(passed: int, n: int) -> ev.CandidateScored:
        interval = Interval(mean=passed / n, low=0.0, high=1.0, n=n)
        return ev.CandidateScored(candidate_id="a", split="validation", score=interval, passed=passed)

    for passed, n in ((4, 10), (9, 20), (9, 10)):
        state.apply(scored(passed, n), 4.0)
    assert state.candidates["a"].scores["validation"].interval.n == 20
    state.apply(scored(10, 20), 5.0)
    assert state.candidates["a"].scores["validation"].passed == 10


def test_figures_are_json_and_in_the_summary() -> None:
    state = played("single_elimination", BRACKET, final=True)
    figures = tournament_figures(state)
    assert figures and json.loads(json.dumps(figures)) == figures
    assert figures["bracket"][0] == {"round": "semi-final", "matches": [1], "byes": ["b", "c"]}
    assert figures["champion_id"] == "b" and figures["ratings"][0]["name"] == "#2 b"
    assert summarize(state)["tournament"] == figures and summarize(RunState())["tournament"] is None


def test_lines_for_people() -> None:
    def lines(state: RunState) -> str:
        figures = tournament_figures(state)
        assert figures
        return "\n".join(standings(figures, " (simulated)"))

    text = lines(played("round_robin", ROUNDS))
    assert text.startswith("tournament: round robin, 3 of 5 matches (simulated)\n#2 b leads")
    assert "[+0, +200]" in text and "├" in text and "cases won against" in text and "· the judge: 9" in text
    text = lines(played("single_elimination", BRACKET, final=True))
    assert "semi-final\n  seed 4:0 new.txt d → seed  (ahead)\n  without a match: #2" in text
    assert "cases won against" not in text
    assert lines(played("swiss", [])) == "tournament: Swiss rounds, 0 of 5 matches (simulated)"


def test_a_bar_shows_an_interval_on_its_scale() -> None:
    assert bar(0, 50, 100, 0, 100, 11) == "├────●────┤"
    assert bar(50, 75, 100, 0, 100, 9) == "····├─●─┤"
    assert bar(0, 0, 0, 0, 0, 5) == "●····"
