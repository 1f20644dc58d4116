"""The surfaces that optimizers are compared on are what they say, and the proposer reads every form alike."""

import json

import pytest

from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.results import CaseResult, Evaluation
from promptopt.domain.task import TaskSpec
from promptopt.evaluation.feedback import analyze, render_feedback
from promptopt.evaluation.statistics import interval
from promptopt.optimizers.metaprompt import conversation
from promptopt.optimizers.proposals import parse_proposal
from tests.benchmarks.surfaces import SURFACES, Surface
from tests.benchmarks.surfaces.base import example
from tests.benchmarks.surfaces.proposer import Proposer

MADE = {name: kind(2) for name, kind in SURFACES.items()}


def share_right(surface: Surface, prompt: Prompt, cases: int = 100) -> float:
    """What the target answers right, letter by letter."""
    rows = surface.splits["population"][:cases]
    right = [surface.answer(prompt.render(example(case)), 0) == case.expected for case in rows]
    return sum(right) / len(right)


@pytest.mark.parametrize("name", MADE)
def test_true_scores_are_what_the_target_does(name: str) -> None:
    surface = MADE[name]
    seed, best = Prompt(text=surface.seed_prompt), surface.best_prompt()
    first, last = surface.true_score(seed), surface.true_score(best)
    if name == "null":
        assert last == first
        return
    assert last > first + 0.3
    assert surface.true_score(seed) == SURFACES[name](2).true_score(seed), "a seed is a seed"
    assert SURFACES[name](3).true_score(seed) != first
    if name in ("triage", "style"):  # where an answer is right or wrong
        assert share_right(surface, seed) == pytest.approx(first, abs=0.12)
        assert share_right(surface, best) == pytest.approx(last, abs=0.12)


@pytest.mark.parametrize("name", MADE)
def test_rules_do_what_their_kind_says_wherever_they_stand(name: str) -> None:
    surface = MADE[name]
    first = surface.true_score(Prompt(text=surface.seed_prompt))
    for rule in surface.rules:
        said = [wording.sentence for wording in rule.wordings]
        for sentence in said:
            after = surface.true_score(Prompt(text=f"{surface.seed_prompt} {sentence.upper()}\nBe kind."))
            change = after - first
            assert {"help": change > 0, "decoy": abs(change) < 0.01, "harm": change < -0.02}[rule.kind], (
                sentence
            )


def test_demonstrations_of_a_kind_teach_it_where_they_matter_most() -> None:
    style = MADE["style"]
    best, told = style.best_prompt(), Prompt(text=style.best_prompt().text)
    assert style.true_score(best) > style.true_score(told) + 0.3


def requests(surface: Surface) -> dict[str, list[Message]]:
    """One request in each of the forms that optimizers ask in, with the same failures."""
    prompt = Prompt(text=surface.seed_prompt)
    cases = [example(case) for case in surface.splits["train"][:24]]
    results: list[CaseResult] = []
    for case in cases:
        said = surface.answer(prompt.render(case), 0)
        good = said == case.expected
        category = "" if good else "wrong reasoning"
        results.append(
            CaseResult(case_id=case.id, output=said, score=float(good), passed=good, category=category)
        )
    scored = Evaluation(
        prompt_id=prompt.id, split="train", results=tuple(results), score=interval([r.score for r in results])
    )
    by_id = {case.id: case for case in cases}
    told = render_feedback(analyze(scored, by_id), by_id, scored)
    ours = conversation(TaskSpec(description="t"), [], prompt, scored.score, told, [])
    failed = [r for r in results if not r.passed][:6]
    return {"ours": ours, "gepa": _gepa(prompt, by_id, failed)}


def _gepa(prompt: Prompt, cases: dict[str, Example], failed: list[CaseResult]) -> list[Message]:
    rows = [
        {
            "Inputs": {"input": cases[r.case_id].input_text},
            "Generated Outputs": {"output": r.output},
            "Feedback": f"Score 0.\nExpected: {cases[r.case_id].expected}\nGot: {r.output}",
        }
        for r in failed
    ]
    text = (
        f"[[ ## current_instruction ## ]]\n{prompt.text}\n\n"
        f"[[ ## examples_with_feedback ## ]]\n{json.dumps(rows)}\n\n"
        "Respond with a JSON object in the following order of fields: `new_instruction`."
    )
    return [Message(role="user", content=text)]


@pytest.mark.parametrize("name", ["triage", "extraction", "style", "points"])
def test_the_same_failures_are_read_in_every_form(name: str) -> None:
    proposer = Proposer(MADE[name])
    found = {
        form: proposer._read("\n".join(message.content for message in messages), MADE[name].seed_prompt)
        for form, messages in requests(MADE[name]).items()
    }
    helpful = {rule.key for rule in MADE[name].rules if rule.kind == "help"}
    for asked in found.values():
        assert asked.evidence.keys() <= helpful and len(asked.evidence) >= 2
    # Both showed six failures, if not the same six.
    counts = [asked.evidence.total() for asked in found.values()]
    assert max(counts) <= 3 * min(counts)


def test_it_answers_in_the_form_that_is_asked_for_and_reads_mostly_right() -> None:
    surface = MADE["triage"]
    proposer = Proposer(surface)
    made = requests(surface)
    helpful = [rule for rule in surface.rules if rule.kind == "help"]
    good = 0
    for sample in range(40):
        request = ChatRequest(model="m", messages=tuple(made["ours"]))
        reply = proposer.answer(request, sample)
        if "{" not in reply:
            continue
        text = parse_proposal(reply).prompt
        assert text.startswith(surface.seed_prompt)
        good += any(w.mark in text.lower() for rule in helpful for w in rule.wordings)
        other = proposer.answer(ChatRequest(model="m", messages=tuple(made["gepa"])), sample)
        assert json.loads(other)["new_instruction"]
    assert 20 <= good <= 38, "mediocre"
