"""What a cell shows of a run: words, numbers and pictures, safe and small whatever the run is."""

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest

from promptopt.domain import events as ev
from promptopt.domain.results import Interval
from promptopt.notebook.drawing import html_of_frame, text_of_frame
from promptopt.notebook.frame import MOST_ROWS, Frame, frame_of
from promptopt.reporting.course import MOST_POINTS, course_of
from promptopt.runs.state import RunState, fold
from promptopt.store.database import Database
from promptopt.store.runs import RunRow
from tests.tui.story import FIRST, START, Story

HOSTILE = (
    "</style></svg><script>alert(1)</script><img src=x onerror=alert(2)> {{ 7*7 }} \x1b[31m \u202e & \"'"
)
VOID = {"br", "img", "line", "circle", "polygon", "polyline", "path", "rect", "progress"}
MOST_BYTES = 60_000


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Callable[..., Story]]:
    database = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield lambda **settings: Story(database, **settings)
    database.close()


def seen(story: Story, status: str = "") -> Frame:
    state, row = fold(story.log), story.runs.find(story.run_id)
    return frame_of(state, row, status or state.status, now=state.updated_at)


class Tags(HTMLParser):
    """Counts elements, and sees that each is closed where it was opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: dict[str, int] = {}
        self.open: list[str] = []
        self.text: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] = self.seen.get(tag, 0) + 1
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in VOID or tag == "progress":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen[tag] = self.seen.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join("".join(self.text).split())


def test_a_run_under_way(told: Callable[..., Story]) -> None:
    frame = seen(told().live())
    page = Tags(html_of_frame(frame))
    for part in (
        "● running",
        "⚠ SIMULATED",
        "3 of 6",
        "15 of 24 cases: ✓ 13 pass, ✗ 2 fail",
        "left, until",
        "seed on validation",
        "70.8% [52.6, 89.0]",
        "★ best",
        "✗ rejected",
        "$0.0721 of $0.50",
        "for the test",
        "against the seed",
        "iteration 3",
    ):
        assert part in page.words, part
    assert page.seen["table"] == 4 and page.seen["thead"] == 4 and page.seen["svg"] == 1
    html = html_of_frame(frame)
    assert '<ins title="added"> into billing, bug, account or other</ins>' in html
    assert "prefers-color-scheme:dark" in html and "--jp-content-font-color1" in html
    plain = text_of_frame(frame)
    assert "● running SIMULATED" in plain and "{+ into billing" in plain


def test_figures_of_models_are_not_labelled_simulated(told: Callable[..., Story]) -> None:
    frame = seen(told(simulated=False).live())
    assert "SIMULATED" not in html_of_frame(frame) + text_of_frame(frame)


def test_hostile_text_stays_text(told: Callable[..., Story]) -> None:
    story = told(project=HOSTILE).begin()
    bad = story.propose(FIRST + HOSTILE, iteration=3)
    story.score(bad, 24)
    story.tell(
        ev.CandidateJudged(candidate_id=bad, against_id=story.ids["first"], accepted=True, reason=HOSTILE),
        ev.FeedbackReady(candidate_id=bad, split="validation", categories={HOSTILE: 3}),
        ev.Notice(text=HOSTILE, level="warning"),
        ev.Paused(by="promptopt", reason=HOSTILE, itself=True),
    )
    page = Tags(html_of_frame(seen(story)))
    assert page.handlers == [] and "script" not in page.seen and "img" not in page.seen
    assert page.words.count("<script>alert(1)</script>") >= 4 and "{{ 7*7 }}" in page.words
    assert "\x1b" not in page.words + text_of_frame(seen(story)) and "\u202e" not in page.words


def test_what_waits_for_a_person(told: Callable[..., Story]) -> None:
    frame = seen(told().edited())
    assert frame.waiting and "better than #1" in frame.waiting.said and "answer" in frame.waiting.what
    assert "◆ an edit waits for your answer" in Tags(html_of_frame(frame)).words
    story = told().begin()
    story.tell(ev.ProposalWaiting(candidate_id="a1b2c3", text="Say <b>one</b> word.", reasoning="short"))
    waiting = seen(story).waiting
    assert waiting and waiting.said == "short" and "Say <b>one</b> word." in waiting.text
    assert "Say &lt;b&gt;one" in html_of_frame(seen(story))


def test_a_tournament(told: Callable[..., Story]) -> None:
    frame = seen(told().plays())
    words = Tags(html_of_frame(frame)).words
    assert frame.rated and "rating [95 %]" in words and "chance to be best" in words and "74%" in words


def test_a_run_that_has_said_nothing(told: Callable[..., Story]) -> None:
    story = told()
    row = story.runs.find(story.run_id)
    frame = frame_of(RunState(), row, "starting", now=START)
    words = Tags(html_of_frame(frame)).words
    assert "○ starting" in words and "waiting for its worker" in words and frame.course is None


def test_a_dead_worker_and_a_failure(told: Callable[..., Story]) -> None:
    story = told().live()
    assert "run.resume() goes on" in Tags(html_of_frame(seen(story, "interrupted"))).words
    story.tell(
        ev.RunFinished(
            status="failed", stop_reason="error", detail=HOSTILE, seed_id="a", best_id="a", iterations=3
        )
    )
    words = Tags(html_of_frame(seen(story))).words
    assert "✗ failed" in words and "<script>" in words


@pytest.mark.parametrize("verdict", ["better", "not distinguishable"])
def test_the_verdict_is_told_with_its_p_value_once(told: Callable[..., Story], verdict: str) -> None:
    words = Tags(html_of_frame(seen(told().finish(verdict)))).words
    assert f"{verdict} " in words and "on the sealed test: +" in words and words.count("p = ") == 1


def test_dollar_signs_are_no_formulas() -> None:
    """Pages of notebooks set what stands between them, unless an element says that it has none."""
    templates = Path(str(files("promptopt.notebook"))) / "templates"
    roots = [
        re.findall(r'<div class="(po[ "][^>]*)"', each.read_text("utf-8")) for each in templates.rglob("*.j2")
    ]
    found = [root for each in roots for root in each]
    assert len(found) >= 6 and all("mathjax_ignore tex2jax_ignore" in root for root in found)


def test_a_large_run_makes_a_small_frame(told: Callable[..., Story]) -> None:
    story = told()
    row = story.runs.find(story.run_id)
    state = large(row)
    frame = frame_of(state, row, "running", now=START)
    html = html_of_frame(frame)
    assert len(html.encode()) < MOST_BYTES
    assert len(text_of_frame(frame).encode()) < MOST_BYTES
    assert len(frame.standings) == MOST_ROWS and frame.left_out == 401 - MOST_ROWS
    assert frame.course and len(frame.course.points) == MOST_POINTS
    assert frame.course.left_out == 401 - MOST_POINTS
    assert "100,000 of 250,000 cases" in Tags(html).words


def large(row: RunRow) -> RunState:
    """400 candidates with long prompts full of what HTML escapes, and 100,000 results of the last."""
    state = RunState()
    events: list[ev.Event] = [
        ev.RunStarted(
            run_id=row.id,
            project="<" * 5000,
            optimizer="refine",
            models={},
            limits={},
            sizes={"train": 1, "validation": 250_000, "test": 1},
            max_iterations=500,
        ),
        ev.PhaseStarted(phase="search"),
    ]
    for number in range(401):
        name = f"{number:06}"
        text = f"{'<&>' * 4000} {number} " + "\"'" * 3000
        source: ev.Source = "optimizer" if number else "seed"
        score = Interval(mean=0.3 + number / 1000, low=0.2, high=0.9, n=250_000)
        events += [
            ev.IterationStarted(iteration=number),
            ev.CandidateProposed(
                candidate_id=name, text=text, source=source, iteration=number, reasoning="<" * 9000
            ),
            ev.CandidateScored(candidate_id=name, split="validation", score=score, passed=1),
            ev.CandidateJudged(candidate_id=name, against_id="000000", accepted=True, reason="&" * 9000),
        ]
    events.append(ev.ProposalWaiting(candidate_id="x", text="&" * 10**6, reasoning="<" * 10**6))
    events.append(ev.EvaluationStarted(candidate_id="000400", split="validation", total=250_000))
    marks = [
        ev.CaseMark(case_id=str(n), score=0.0, passed=False, category=f"{'<' * 300}{n % 900}")
        for n in range(100_000)
    ]
    events.append(ev.CasesFinished(candidate_id="000400", split="validation", cases=marks))
    for event in events:
        state.apply(event, START)
    return state


def test_the_course_lies_within_its_picture(told: Callable[..., Story]) -> None:
    course = course_of(fold(told().edited().log))
    assert course
    numbers = [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", course.best + " " + course.band)]
    xs, ys = numbers[::2], numbers[1::2]
    assert min(xs) >= 0 and max(xs) <= course.width and min(ys) >= 0 and max(ys) <= course.height
    assert [point.source for point in course.points] == ["seed", "optimizer", "optimizer", "human"]
    assert [point.rejected for point in course.points] == [False, False, True, False]
    assert all(point.top <= point.y <= point.bottom for point in course.points)
    assert "4 candidates" in course.said and "simulated" in course.said
