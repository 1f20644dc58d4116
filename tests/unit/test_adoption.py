"""Usage logs: what is read, what is told of it, and that nothing in them becomes anything but text."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from promptopt.domain.errors import SettingsError
from promptopt.enterprise.adoption.metrics import adoption_of
from promptopt.enterprise.adoption.usage import UsageLog, Use, read_usage
from promptopt.evaluation.statistics import clustered_share, interval
from tests.unit.command_line import CommandLine

NOW = datetime(2026, 11, 26, 12)
HOSTILE = "=cmd|'/c calc'!A0<script>alert(1)</script>`|**"


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine's clock says."""
    monkeypatch.setattr("promptopt.enterprise.adoption.usage._clock", lambda: NOW)


def written(folder: Path, text: str, name: str = "usage.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_columns_are_known_by_their_names_and_bad_lines_are_told_by_number(tmp_path: Path) -> None:
    log = read_usage(
        written(
            tmp_path,
            "Date,Agent,Dept,Version,duration_ms,stars,used as is,edited\n"
            "2026-11-03 14:00,Anna,support,v2,90000,4,yes,no\n"
            "03.11.2026 15:10,anna,support,v2,,5,ja,nein\n"
            "2026-11-03T16:00:00+02:00,Ben,,v1,30000,3,0,1\n"
            "1793900000,Ben,,v1,30000,3,,\n"
            "soon,Ben,,v1,30000,3,no,no\n"
            "2026-11-05,,,v1,30000,3,no,no\n"
            "2026-11-05,Ben,,v1,minus,3,no,no\n"
            "2026-11-05,Ben,too few\n"
            "2026-11-05,Ben,,v1,1,3,perhaps,no\n",
        ),
        {"team": "Dept"},
    )
    assert log.columns["seconds"] == "duration_ms" and log.columns["accepted"] == "used as is"
    assert [use.user for use in log.uses if use.at.day == 3] == ["anna", "ben", "anna"]
    first = log.uses[0]
    assert (first.at, first.seconds, first.accepted) == (datetime(2026, 11, 3, 14), 90.0, True)
    assert log.uses[1].at == datetime(2026, 11, 3, 14) and log.uses[1].edited is True
    assert log.bad == 5 and len(log.uses) == 4
    (told,) = log.notices
    for place in ("line 6", "line 7", "line 8", "line 9", "line 10"):
        assert place in told, place


def test_json_lines_are_read_and_their_bad_lines_named(tmp_path: Path) -> None:
    good = {"timestamp": 1793700000000, "user": "u1", "accepted": True, "rating": 4}
    text = f"{json.dumps(good)}\nnot json\n[1]\n{json.dumps(good | {'user': 'u2'})}\n"
    log = read_usage(written(tmp_path, text, "usage.jsonl"))
    assert len(log.uses) == 2 and log.bad == 2 and log.uses[0].at.year == 2026
    assert "line 2" in log.notices[0] and "line 3" in log.notices[0]


def test_a_use_that_is_yet_to_come_is_a_bad_line_and_moves_nothing(tmp_path: Path) -> None:
    lines = [f"2026-11-{day:02} 09:00,u{day},support" for day in range(1, 25)]
    text = "\n".join(["timestamp,user,team", *lines, "2026-11-27T11:00,east,support"])
    good = read_usage(written(tmp_path, text))
    assert good.bad == 0 and len(good.uses) == 25, "a day's slack, for zones"
    log = read_usage(written(tmp_path, f"{text}\n2036-11-02 09:00,late,support\n2026-11-27T12:01,next,x\n"))
    assert log.bad == 2 and "row 26 (line 27)" in log.notices[0] and "2036-11-02" in log.notices[0]
    assert adoption_of(log).as_json() | {"notices": 0, "bad_lines": 0} == (
        adoption_of(good).as_json() | {"notices": 0, "bad_lines": 0}
    )
    with pytest.raises(SettingsError, match="yet to come"):
        read_usage(written(tmp_path, "timestamp,user\n2036-01-01,a\n"))


def test_a_line_that_is_there_twice_counts_once_if_it_tells_the_time_of_day(tmp_path: Path) -> None:
    text = (
        "timestamp,user,team,note\n2026-11-03 14:00:01,a,x,1\n2026-11-03 14:00:01,a,x,1\n"
        "2026-11-03 14:00:01,a,x,2\n2026-11-03 14:00:01,b,x,1\n2026-11-04,a,x,1\n2026-11-04,a,x,1\n"
        "2026-11-03 14:00:01,a,x,1\n"
    )
    log = read_usage(written(tmp_path, text))
    assert len(log.uses) == 5 and log.repeated == 2 and log.bad == 0
    assert log.notices == ["2 lines repeat an earlier one in every field: counted once"]
    lines = "\n".join(json.dumps({"ts": 1793700000, "user": "u"}) for _ in range(3))
    assert len(read_usage(written(tmp_path, lines, "usage.jsonl")).uses) == 1


def test_spellings_of_a_team_are_one_team_and_the_first_is_shown(tmp_path: Path) -> None:
    text = (
        "timestamp,user,team\n2026-11-03,a,Field  Support\n2026-11-04,b,field support\n"
        "2026-11-05,c, FIELD SUPPORT \n2026-11-05,d,Sales\n"
    )
    found = adoption_of(read_usage(written(tmp_path, text)), sizes={"field support": 6, "SALES": 2})
    assert [(team.team, team.active, team.size) for team in found.teams] == [
        ("Field Support", 3, 6),
        ("Sales", 1, 2),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("when,what\n2026-11-01,x\n", "no column tells the user"),
        ("user,what\na,x\n", "no column tells the timestamp"),
        ("timestamp,user\nsoon,a\n", "no time"),
        ("timestamp,user\n", "no case"),
    ],
)
def test_a_log_that_says_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_usage(written(tmp_path, text))


def test_a_column_that_is_named_must_be_there(tmp_path: Path) -> None:
    path = written(tmp_path, "timestamp,user\n2026-11-01,a\n")
    with pytest.raises(SettingsError, match="there is no column 'usr'"):
        read_usage(path, {"user": "usr"})
    with pytest.raises(SettingsError, match="called 'usre'"):
        read_usage(path, {"usre": "user"})


def uses(*told: tuple[int, str, bool]) -> UsageLog:
    """Uses on days of November 2026, each of a user, accepted or not."""
    return UsageLog(
        tuple(
            Use(datetime(2026, 11, day, 9), user, accepted=accepted, prompt="v2" if day > 10 else "v1")
            for day, user, accepted in told
        ),
        "usage.csv",
    )


def test_who_is_active_stays_and_uses_what() -> None:
    log = uses(
        (1, "a", True), (2, "b", True), (9, "a", False), (16, "a", True), (17, "b", False), (23, "a", True)
    )
    found = adoption_of(log, size=4, deployed=["v2"])
    assert (found.uses, found.users, found.overall.active, found.overall.rate) == (6, 2, 2, 0.5)
    assert [(week.week, week.users) for week in found.weeks] == [
        ("2026-W44", 1), ("2026-W45", 1), ("2026-W46", 1), ("2026-W47", 2), ("2026-W48", 1)
    ]  # fmt: skip
    assert [(kept.weeks, kept.kept, kept.of) for kept in found.retention] == [(1, 1, 2), (2, 2, 2)]
    assert {one.prompt: (one.uses, one.deployed) for one in found.versions} == {
        "v1": (3, False),
        "v2": (3, True),
    }
    assert found.rating is None and found.seconds is None
    assert any("2 people are few" in notice for notice in found.notices)
    assert "a" not in json.dumps([found.as_json()["teams"], found.as_json()["versions"]]).split('"')


def test_that_no_name_in_the_log_is_the_deployed_prompts_is_told_first() -> None:
    log = uses((1, "a", True), (2, "b", True), (12, "a", True))
    told = adoption_of(log, deployed=["tickets", "dep-0815"]).notices[0]
    assert "'v1' (2), 'v2' (1)" in told and "tickets, dep-0815" in told and "--called v1" in told
    for known in (["tickets", "V1"], []):
        assert not any("--called" in one for one in adoption_of(log, deployed=known).notices)
    unnamed = UsageLog(tuple(Use(use.at, use.user) for use in log.uses), "x.csv")
    assert not any("--called" in one for one in adoption_of(unnamed, deployed=["tickets"]).notices)


def test_answers_of_one_person_are_no_independent_ones() -> None:
    alone = clustered_share([(70, 100)])
    many = clustered_share([(7, 10)] * 10)
    split = clustered_share([(10, 10)] * 7 + [(0, 10)] * 3)
    plain = interval([1.0] * 70 + [0.0] * 30)
    assert many.low == pytest.approx(plain.low) and many.high == pytest.approx(plain.high)
    assert alone.high - alone.low > split.high - split.low > 2 * (plain.high - plain.low) * 0.9
    assert clustered_share([]).n == 0 and clustered_share([(3, 3)]).low < 0.5


def test_what_a_log_says_stays_text(tmp_path: Path, cli: CommandLine) -> None:
    path = written(
        tmp_path,
        f'timestamp,user,team,version,accepted\n2026-11-01,"{HOSTILE}","{HOSTILE}","{HOSTILE}",yes\n'
        f'2026-11-02,b\x1b]52;c;aGk=\x07,t,"{HOSTILE}",no\n',
    )
    told = cli("adoption", str(path), "--team-size", "5", "--json")
    assert told.status == 0 and told.objects[0]["overall"]["rate"] == 0.4, told.err
    shown = cli("adoption", str(path))
    assert shown.status == 0 and "\x1b" not in shown.out + shown.err
    bad = cli("adoption", str(path), "--team-size", "many")
    assert bad.status == 2 and "number of people" in bad.err
    report = cli("adoption", str(path), "--out", str(tmp_path / "r"))
    assert report.status == 2 and "--deployment" in report.err
