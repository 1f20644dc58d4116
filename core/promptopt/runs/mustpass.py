"""Cases that must pass: a candidate that breaks one can't win, whichever optimizer proposes it."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from promptopt.domain.dataset import Example
from promptopt.domain.results import CaseResult
from promptopt.domain.words import Split

LISTED = 3
"""Cases that are named of those that are broken."""


class Broken(NamedTuple):
    """What speaks against a prompt: in words, and the prompt that passes what this one fails."""

    said: str
    against_id: str


class MustPass:
    """How the prompts of a run did on the cases that must pass, as far as they were scored.

    A prompt breaks a case if it fails it, and the first prompt or one that was accepted earlier passed it.

    Args:
        cases: those that candidates are chosen by.
        first: id of the prompt that the run starts from.
    """

    def __init__(self, cases: Iterable[Example], first: str) -> None:
        self._marked = {case.id for case in cases if case.must_pass}
        self._line = [first]
        """The first prompt, and those accepted since, in order."""
        self._passed: dict[str, set[str]] = {}
        self._failed: dict[str, dict[str, str]] = {}
        """Prompt id to the cases that it fails, each with the split on which that was seen."""

    def note(self, prompt_id: str, split: Split, results: Iterable[CaseResult]) -> None:
        """Take in how a prompt did, on all cases of a split or on some."""
        for result in results:
            if result.case_id in self._marked and result.passed:
                self._passed.setdefault(prompt_id, set()).add(result.case_id)
            elif result.case_id in self._marked:
                self._failed.setdefault(prompt_id, {})[result.case_id] = split

    def forget(self, prompt_id: str, case_ids: Iterable[str]) -> None:
        """How a prompt did on these cases is to be noted anew."""
        for case_id in case_ids:
            self._passed.get(prompt_id, set()).discard(case_id)
            self._failed.get(prompt_id, {}).pop(case_id, None)

    def accept(self, prompt_id: str) -> None:
        """Those that come later may not break what this prompt passes."""
        if prompt_id not in self._line:
            self._line.append(prompt_id)

    def withdraw(self, prompt_id: str) -> None:
        """The prompt is not accepted any more."""
        self._line.remove(prompt_id)

    @property
    def accepted(self) -> tuple[str, ...]:
        """Ids of the prompts that were accepted, without the first one."""
        return tuple(self._line[1:])

    def broken(self, prompt_id: str) -> Broken | None:
        """What a prompt breaks; None if nothing."""
        own = self._line.index(prompt_id) if prompt_id in self._line else len(self._line)
        keepers: dict[str, str] = {}
        for case_id in self._failed.get(prompt_id, ()):
            keeper = next((each for each in self._line[:own] if case_id in self._passed.get(each, ())), None)
            if keeper is not None:
                keepers[case_id] = keeper
        if not keepers:
            return None
        ids = list(keepers)
        more = f" and {len(ids) - LISTED} more" if len(ids) > LISTED else ""
        cases = "the case" if len(ids) == 1 else "the cases"
        splits = " and the ".join(dict.fromkeys(self._failed[prompt_id][case_id] for case_id in ids))
        said = f"breaks {cases} {', '.join(ids[:LISTED])}{more} that must pass, on the {splits} cases"
        return Broken(said, keepers[ids[0]])

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, as JSON values: the accepted prompts, and how all did.

        Also how those did that were not accepted: a search may go back to one without scoring it again.
        """
        return {
            "line": list(self._line),
            "passed": {each: sorted(cases) for each, cases in self._passed.items()},
            "failed": {each: dict(cases) for each, cases in self._failed.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state` gave."""
        self._line = list(state["line"])
        self._passed |= {each: set(cases) for each, cases in state["passed"].items()}
        self._failed |= {each: dict(cases) for each, cases in state["failed"].items()}
