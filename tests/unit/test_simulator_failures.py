"""The simulated target fails as real models do, on labels, objects, short texts and open questions."""

import json
import re
from statistics import mean
from typing import Any

from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message, Prompt
from tests.unit.simulated import BARE, LABELS, NAMED, VAGUE, answers, ask, label_cases, simulator


def json_cases(n: int = 120) -> list[Example]:
    return [
        Example(
            id=f"j{i}",
            inputs={"input": f"Invoice {i} of company {i * 7 % 50}, due in {i % 28 + 1} days"},
            expected=json.dumps({"number": i, "company": f"company {i * 7 % 50}", "days": i % 28 + 1}),
        )
        for i in range(n)
    ]


def text_cases(n: int = 120) -> list[Example]:
    return [
        Example(
            id=f"q{i}",
            inputs={"question": f"When was bridge number {i} opened?"},
            expected=f"Bridge {i} was opened in {1800 + i} by the mayor",
        )
        for i in range(n)
    ]


def test_label_tasks_fail_in_every_usual_way():
    cases = label_cases(400)
    given = answers(simulator(cases), NAMED, cases)
    right = [case.expected or "" for case in cases]
    wrong = [g for g, r in zip(given, right, strict=True) if g != r]
    assert any(g in LABELS for g in wrong), "another label"
    assert any(g.startswith("```") for g in wrong), "a fence"
    assert any(r in g and len(g) > 60 for g, r in zip(given, right, strict=True)), "too much talk"
    assert any(g.startswith("I") and "sorry" in g for g in wrong), "a refusal"
    vague = answers(simulator(cases), VAGUE, cases)
    assert any(v not in LABELS and v.casefold().startswith(r) for v, r in zip(vague, right, strict=True)), (
        "near"
    )
    assert "Complaint" in vague, "a label of its own"


def test_long_replies_are_cut_at_the_token_limit():
    cases = label_cases(80)
    sim = simulator(cases)
    replies = [ask(sim, Prompt(text="Explain in detail.").render(case), max_tokens=8) for case in cases]
    cut = [reply for reply in replies if reply.finish_reason == "length"]
    assert cut
    assert all(reply.completion_tokens == 8 and len(reply.text) == 32 for reply in cut)


def parses_as(given: str, expected: str | None) -> bool:
    try:
        return json.loads(given) == json.loads(expected or "")
    except ValueError:
        return False


def test_json_tasks_react_to_format_and_fields_and_fail_in_every_usual_way():
    cases = json_cases()
    sim = simulator(cases)
    prompts = (
        "Read the invoice.",
        "Read the invoice. Answer in JSON.",
        "Answer with one JSON object with the fields number, company and days, nothing else. No prose.",
        """Answer with only one JSON object with these fields, nothing else. No prose, no markdown.
        number: the number of the invoice
        company: the name of the company
        days: the days until it is due
        Give every field; never invent a value. Even if it is unclear, if two values fit: the main topic.""",
    )
    given = [answers(sim, prompt, cases) for prompt in prompts]
    scores = [mean(parses_as(g, c.expected) for g, c in zip(run, cases, strict=True)) for run in given]
    assert scores == sorted(scores)
    assert scores[0] < 0.35
    assert scores[-1] > 0.8
    said = [text for run in given for text in run]
    assert any(text.startswith("```json") for text in said)
    assert any(text.startswith("Here is") for text in said)
    objects = [json.loads(text) for text in said if re.fullmatch(r'\{"[^\n]*\}', text)]
    assert any(len(found) < 3 for found in objects), "a field missing"
    assert any("confidence" in found for found in objects), "a field invented"


def test_text_tasks_are_right_short_made_up_or_wordy():
    cases = text_cases()
    project = {"task": {"description": "Answer the question about the bridge with year and person."}}
    sim = simulator(cases, project=project)
    vague = answers(sim, "Answer.", cases)
    good = answers(
        sim,
        "Answer the question about the bridge with only one sentence, nothing else. Give every detail: the "
        "year and the person. No explanation. Do not invent anything. If two dates fit, the main question "
        "decides. Even if it is vague, answer.",
        cases,
    )
    hits = [mean(g == c.expected for g, c in zip(run, cases, strict=True)) for run in (vague, good)]
    assert hits[0] < 0.5 < 0.75 < hits[1]
    assert any("Harrington" in text for text in vague), "made up"
    pairs = [(v, c.expected or "") for v, c in zip(vague, cases, strict=True)]
    assert any(right.startswith(v) and v != right for v, right in pairs), "cut short"


def test_cases_without_a_reference_use_what_checks_and_prompt_list():
    case = Example(
        id="o",
        inputs={"input": "Write to Ms Diaz that her lease ends in June."},
        checks=({"type": "contains", "value": ["Diaz", "June"], "name": "n"},),
    )
    sims = [simulator([case], seed=seed) for seed in range(12)]
    prompt = (
        "Write a letter with all details, at most 60 words, only the letter:\n- the reason\n- the next step"
    )
    texts = [ask(sim, Prompt(text=prompt).render(case)).text for sim in sims]
    whole = [text for text in texts if "Important here: Diaz, June." in text and "the next step:" in text]
    assert len(whole) > 4
    brief = [ask(sim, Prompt(text="Only the letter, at most 5 words.").render(case)).text for sim in sims]
    assert any(len(text.split()) == 5 for text in brief)


def test_open_json_tasks_and_closed_choices_keep_to_the_project():
    case = Example(id="o", inputs={"input": "Some text without a reference"})
    project = {"task": {"output_format": {"title": "", "mood": ""}}}

    def said(prompt: str, project: dict[str, Any]) -> list[str]:
        sims = [simulator([case], seed=seed, project=project) for seed in range(12)]
        return [ask(sim, Prompt(text=prompt).render(case)).text for sim in sims]

    texts = said("JSON only.", project)
    assert any(text.startswith("{") and set(json.loads(text)) == {"title", "mood"} for text in texts)
    choice = {"task": {"constraints": [{"name": "c", "one_of": ["hot", "cold"]}]}}
    assert {"hot", "cold"} <= set(said("Answer only.", choice))


def test_without_a_match_or_a_dataset_there_still_is_an_answer():
    assert ask(simulator(None), [Message(role="user", content="Who are you?")]).text
    assert ask(simulator(label_cases()), [Message(role="user", content="")]).text
    stranger = [Message(role="system", content=BARE), Message(role="user", content="never seen before")]
    guesses = {ask(simulator(label_cases(), seed=seed), stranger).text for seed in range(10)}
    assert guesses & set(LABELS)
