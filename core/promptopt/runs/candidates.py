"""Finding a candidate of a run by what a person calls it."""

from promptopt.domain.errors import RunError
from promptopt.runs.state import RunState


def find_candidate(state: RunState, run_id: str, wanted: str | None) -> str:
    """Id of a candidate: ``seed``, ``best`` (also None), ``#3`` or ``#3b`` (as it is called), an id or its
    beginning.

    Raises:
        RunError: no candidate fits, or several do.
    """
    if wanted is None or wanted == "best":
        return _known(state, run_id, state.best_id)
    if wanted == "seed":
        return _known(state, run_id, state.seed_id)
    if wanted.startswith("#"):
        fitting = [each for each in state.candidates if state.name(each).partition(" ")[0] == wanted]
    else:
        fitting = [each for each in state.candidates if wanted and each.startswith(wanted)]
    if len(fitting) != 1:
        what = f"{wanted!r} fits several" if fitting else f"there is no candidate {wanted!r}"
        listed = ", ".join((fitting or list(state.candidates))[:20])
        raise RunError(what, where=f"run {run_id}", fix=f"there are: {listed}")
    return fitting[0]


def _known(state: RunState, run_id: str, candidate_id: str) -> str:
    if candidate_id not in state.candidates:
        raise RunError(f"run {run_id} has no prompt yet", fix=f"promptopt show {run_id} says why")
    return candidate_id
