"""Reading proposers' replies."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Prompt
from promptopt.domain.results import Interval
from promptopt.domain.task import TaskSpec
from promptopt.optimizers.metaprompt import Attempt, conversation
from promptopt.optimizers.proposals import Malformed, Proposal, Rules, guarded_answers, parse_proposal


@pytest.mark.parametrize(
    "reply",
    [
        '{"prompt": "Do it.", "reasoning": "why", "confidence": 0.7}',
        'Sure! Here it is:\n```json\n{"prompt": "Do it.", "reasoning": "why", "confidence": 0.7}\n```\nDone.',
        '{"note": {"prompt": 1}} {"prompt": "Do it.", "reasoning": "why", "confidence": 0.7}',
        '{"prompt": "  Do it.\n", "reasoning": "why", "confidence": 0.7}',
    ],
)
def test_a_proposal_is_found(reply: str) -> None:
    assert parse_proposal(reply) == Proposal("Do it.", "why", 0.7)


@pytest.mark.parametrize(
    "reply",
    ["", "no", '{"prompt": ""}', '{"prompt": 3}', '{"prompt": "cut of', "[]", '{"text": "x"}', "{" * 5000],
)
def test_a_reply_without_a_proposal_is_malformed(reply: str) -> None:
    with pytest.raises(Malformed):
        parse_proposal(reply)


@given(st.text(max_size=300))
def test_any_text_is_a_proposal_or_malformed(reply: str) -> None:
    try:
        parse_proposal(reply)
    except Malformed:
        return


STORABLE = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(STORABLE.filter(str.strip), STORABLE)
def test_what_json_carries_comes_back(prompt: str, reasoning: str) -> None:
    found = parse_proposal(f"x {json.dumps({'prompt': prompt, 'reasoning': reasoning})} y")
    assert (found.prompt, found.reasoning, found.confidence) == (prompt.strip(), reasoning, None)


@pytest.mark.parametrize(
    ("given_", "kept"), [(2, 1.0), (-1, 0.0), ("high", None), (True, None), (float("nan"), None)]
)
def test_confidence_is_a_share_or_nothing(given_: object, kept: float | None) -> None:
    assert parse_proposal(json.dumps({"prompt": "p", "confidence": given_})).confidence == kept


def rules(**changes: object) -> Rules:
    given_ = {"columns": ["text"], "placeholders": [], "max_chars": 1000, **changes}
    return Rules(**given_)  # type: ignore[arg-type]


def test_a_lost_placeholder_is_an_objection() -> None:
    kept = rules(placeholders=["text"])
    assert "{text}" in (kept.objection(Proposal("Sort it.", "", None), []) or "")
    assert kept.objection(Proposal("Sort {text}.", "", None), []) is None


def test_length_and_repetition_are_objections() -> None:
    assert "characters" in (rules(max_chars=5).objection(Proposal("too long", "", None), []) or "")
    tried = [Prompt(text="Sort the ticket.")]
    assert "tried" in (rules().objection(Proposal("Sort  the ticket.", "", None), tried) or "")


def test_copying_a_guarded_case_is_an_objection() -> None:
    text = "my parcel has been sitting in the depot for nine days now"
    guarded = (Example(id="1", inputs={"text": text}),)
    copied = Proposal(f"If somebody writes: {text}, say shipping.", "", None)
    assert "copies a case" in (rules(guarded=guarded).objection(copied, []) or "")
    assert (
        rules(guarded=guarded).objection(Proposal("Parcels that are late: shipping.", "", None), []) is None
    )


def test_a_long_answer_of_a_validation_case_is_no_part_of_a_prompt() -> None:
    def cases(*answers: str) -> tuple[Example, ...]:
        return tuple(Example(id=a, inputs={"text": a}, expected=a) for a in answers)

    secret = "the depot in Lyon sends it back"
    dataset = Dataset(
        train=cases("a label of four words", "x"),
        validation=cases("a label of four words", "billing", secret, "this is what the task says"),
    )
    answers = guarded_answers(dataset, "Mind that this is what the task says.")
    assert answers == (secret,)
    kept = rules(answers=answers)
    assert "copies a case" in (kept.objection(Proposal(f"Say: {secret} !", "", None), []) or "")
    assert kept.objection(Proposal("Say a label of four words, or billing.", "", None), []) is None
    assert guarded_answers(dataset.model_copy(update={"held_back": False}), "") == ()


def test_the_proposers_own_instructions_are_no_part_of_a_prompt() -> None:
    told = "Find the failure that costs the most, and its cause in the prompt."
    kept = rules(secret=(told,))
    assert "repeats these" in (kept.objection(Proposal(f"Sort it. {told}", "", None), []) or "")
    assert kept.objection(Proposal("Find the failure that costs the most.", "", None), []) is None


def test_protected_texts_stay_to_the_byte() -> None:
    kept = rules(protected=("Never give  medical advice.",))
    assert "protected" in (kept.objection(Proposal("Never give medical advice.", "", None), []) or "")
    assert kept.objection(Proposal("Hi. Never give  medical advice.", "", None), []) is None


def test_how_near_a_repetition_is_can_be_set() -> None:
    tried = [Prompt(text=" ".join(f"word{n}" for n in range(40)))]
    proposal = Proposal(f"{tried[0].text} more", "", None)
    assert rules().objection(proposal, tried) is not None
    assert rules(near_duplicate=0.99).objection(proposal, tried) is None


def test_a_short_rule_in_a_long_prompt_is_no_repetition() -> None:
    tried = [Prompt(text=" ".join(f"word{n}" for n in range(600)))]
    rule = "Never answer in more than one word."
    kept = rules(max_chars=9000)
    assert kept.objection(Proposal(f"{tried[0].text} {rule}", "", None), tried) is None
    assert "tried" in (kept.objection(Proposal(f"{tried[0].text} Never.", "", None), tried) or "")


def attempt(number: int, accepted: bool) -> Attempt:
    return Attempt(number, f"prompt {number}", f"idea {number}", accepted, 0.1, 2, 1, "note")


def test_the_conversation_holds_the_trajectory_and_ends_with_the_request() -> None:
    attempts = [attempt(number, number % 2 == 0) for number in range(1, 6)]
    score = Interval(mean=0.5, low=0.4, high=0.6, n=10)
    task = TaskSpec(description="Sort tickets")
    messages = conversation(task, ["input"], Prompt(text="CURRENT"), score, "FEEDBACK", attempts, recent=2)
    assert [m.role for m in messages] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert "Sort tickets" in messages[1].content and "idea 1" in messages[1].content
    assert json.loads(messages[2].content)["prompt"] == "prompt 4"
    assert "rejected" in messages[-1].content
    assert "<current_prompt>\nCURRENT\n</current_prompt>" in messages[-1].content
    assert "<feedback>\nFEEDBACK\n</feedback>" in messages[-1].content
    first = conversation(task, [], Prompt(text="C"), score, "F", [], recent=2)
    assert [m.role for m in first] == ["system", "user"]
    assert "Sort tickets" in first[1].content


def test_surrogates_are_joined_or_replaced() -> None:
    found = parse_proposal('{"prompt": "\\ud83d\\ude00 and \\ud83d alone", "reasoning": "\\udc00"}')
    assert (found.prompt, found.reasoning) == ("😀 and \ufffd alone", "\ufffd")
