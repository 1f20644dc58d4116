"""How real a made-up case seems to a judge model, from 0 to 10."""

from promptopt.domain.prompt import Message
from promptopt.evaluation.checks.asking import MATERIAL, conversation, read_score
from promptopt.synthetic.scenarios import Scenario

SCALE = 10

_TASK = """\
You judge how real a made-up text is: whether it could have come from such a person in such a situation at \
such a company. Score its realism from 0 (nobody would write so) to 10 (nobody could tell it from a real \
one). Count against it: phrases that models like, a tidiness that people do not have, details that do not \
fit together, nothing specific. It is no fault if it is short, clumsy or rude.
MATERIAL
Answer with one JSON object and nothing else: {"reason": "one sentence", "score": a number from 0 to 10}"""


def asking_realism(scenario: Scenario, company: str, cell: str, given: str) -> list[Message]:
    """What a judge is asked about one case.

    Args:
        cell: the cell that it was made up for, in words.
    """
    shown = {"company": company or "(nothing is known of it)", "cell": cell, "output": given}
    task = _TASK.replace("MATERIAL", MATERIAL)
    if scenario.input:
        task += f"\nSuch a text is {scenario.input}."
    return conversation(task, shown)


def read_realism(reply: str) -> tuple[float, str]:
    """The score in [0, 10], and why. Raises NoVerdict."""
    return read_score(reply, SCALE, lowest=0)
