"""What a simulated model writes behind a shield is what one would have written that was sent placeholders."""

from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Message
from promptopt.domain.settings import ProjectSettings
from promptopt.models.shield import Shield

ASKED = "Hello, my name is Hannelore Wolkenstein, write to hanna@example.com."
SETTINGS = ProjectSettings.model_validate(
    {
        "name": "p",
        "prompt": "Answer: {input}",
        "models": {"target": {"model": "sim/target"}},
        "compliance": {"pii": "redact"},
    }
)


def shield() -> Shield:
    return Shield(SETTINGS, Dataset(train=(Example(id="a", inputs={"input": ASKED}),), validation=()))


def request(text: str) -> ChatRequest:
    return ChatRequest(model="sim/target", messages=(Message(role="user", content=text),))


def test_what_a_request_hid_stays_hidden_in_the_answer() -> None:
    made = shield()
    veiled = made.veil("target", SETTINGS.models["target"], request(ASKED))
    lowered = made.lowered("Dear Hannelore Wolkenstein, we write to hanna@example.com.", veiled.request)
    assert lowered == "Dear [NAME_1], we write to [EMAIL_1]."


def test_what_the_model_made_up_of_its_own_is_as_it_stands() -> None:
    made = shield()
    sent = request("Make a case up.")
    answer = "Dear team, I am Otto Erfunden from Leeds. My number is +49 30 5550123."
    assert made.lowered(answer, sent) == answer
    assert made.lowered(answer, sent) == answer
