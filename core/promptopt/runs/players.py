"""Finding the prompts that are to play: candidates of runs, and prompts from files."""

from pathlib import Path

from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.domain.text import one_line
from promptopt.runs.candidates import find_candidate
from promptopt.runs.playing import Player
from promptopt.runs.state import RunState, fold
from promptopt.store.cells import Cells
from promptopt.store.database import Database
from promptopt.store.runlog import RunLog
from promptopt.store.runs import Runs

LABEL = 12
"""Characters of a file's name that its prompt is called by."""


def player_of_run(database: Database, run: str, wanted: str | None) -> Player:
    """A candidate of a run, by what a person calls it; None: the best one.

    Raises:
        RunError: there is no such run or candidate.
    """
    row = Runs(database).find(run)
    state = fold(RunLog(database, row.id))
    return _player(database, row.id, state, find_candidate(state, row.id, wanted))


def players_of_run(database: Database, run_id: str, most: int) -> list[Player]:
    """The candidates of a run, best first: the seed, and of the others those with the highest validation
    scores.

    Args:
        most: so many at most; the seed is always among them.
    """
    state = fold(RunLog(database, run_id))
    ranked = [candidate.id for candidate in state.standings() if candidate.validation]
    chosen = ranked[:most]
    if state.seed_id in ranked and state.seed_id not in chosen:
        chosen = [*ranked[: most - 1], state.seed_id]
    return [_player(database, run_id, state, candidate_id) for candidate_id in chosen]


def player_of_file(path: Path, text: str) -> Player:
    """A prompt from a file.

    Raises:
        SettingsError: it is empty.
    """
    if not text.strip():
        raise SettingsError("the prompt is empty", where=str(path))
    return Player(Prompt(text=text), label=one_line(path.name, LABEL), source="human")


def _player(database: Database, run_id: str, state: RunState, candidate_id: str) -> Player:
    candidate = state.candidates[candidate_id]
    prompt = Cells(database, run_id).prompt(candidate_id) or Prompt(text=candidate.text)
    return Player(prompt, candidate.label, candidate.source, candidate.iteration)
