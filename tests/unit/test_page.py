"""The page of a run: a tournament in it has its ratings, and its bracket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from promptopt.reporting.page import page_of
from promptopt.store.database import Database
from tests.tui.story import Story


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{tmp_path / 'store.db'}")
    yield database
    database.close()


def test_a_tournament_has_its_ratings_and_its_bracket(database: Database) -> None:
    story = Story(database).tournament("single_elimination", over=True)
    page = page_of(database, story.run_id)
    for part in ("<h2>Tournament</h2>", "single elimination, 3 matches", "chance to be best", "semi-final"):
        assert part in page, part
    assert page.count("goes on</bdi>") == 3 and "rating [95 %], simulated" in page


def test_a_round_robin_has_no_bracket_and_a_search_no_tournament(database: Database) -> None:
    page = page_of(database, Story(database).plays().run_id)
    assert "<h2>Tournament</h2>" in page and "round robin" in page and "cases won" not in page
    assert "<h2>Tournament</h2>" not in page_of(database, Story(database).live().run_id)
