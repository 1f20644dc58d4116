"""The simulator answers by content alone, reacts to what a prompt says, and fails in every usual way."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean

import pytest

import promptopt
from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Message, Prompt
from promptopt.models.simulator import MODELS
from promptopt.models.simulator.oracle import Oracle
from promptopt.models.simulator.reading import read
from promptopt.models.transport import TransportError
from tests.unit.simulated import BARE, LABELS, NAMED, VAGUE, answers, ask, label_cases, simulator

SEEDS = range(4)

TIES = f"{BARE} If it touches two topics, the main request decides. Messages may be very short or unclear."
FULL = f"""{TIES}
- refund: the sender wants money back
- delivery: the parcel is late, lost or damaged
- login: the sender can't get into the account
- outage: the service is down for the sender"""


def share_right(prompt: Prompt | str, cases: Sequence[Example], model: str = "sim/target") -> float:
    """Mean over several simulated worlds, so that one lucky seed decides nothing."""
    runs = (answers(simulator(cases, model, seed=seed), prompt, cases) for seed in SEEDS)
    return mean(a.strip() == c.expected for run in runs for a, c in zip(run, cases, strict=True))


# What a reply depends on


def test_unknown_simulated_model_names_the_known_ones():
    with pytest.raises(SettingsError) as caught:
        simulator(None, "sim/huge")
    assert "sim/huge" in str(caught.value)
    assert all(name in str(caught.value) for name in MODELS)


def test_reply_names_the_simulated_model_and_counts_tokens_within_bounds():
    cases = label_cases(8)
    messages = Prompt(text=NAMED).render(cases[0])
    reply = ask(simulator(cases), messages)
    assert reply.model == "sim/target"
    bound = ChatRequest(model="m", messages=tuple(messages)).token_bound()
    assert reply.prompt_tokens is not None and 0 < reply.prompt_tokens <= bound
    assert reply.completion_tokens == -(-len(reply.text) // 4)


def test_order_of_calls_changes_nothing():
    cases = label_cases(60)
    forward = answers(simulator(cases), BARE, cases)
    backward = answers(simulator(cases), BARE, cases[::-1])
    assert forward == backward[::-1]


_SCRIPT = """
import asyncio
from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.prompt import Message, Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.models.simulator import Simulator

models = {"target": {"model": "sim/target"}}
project = ProjectSettings.model_validate({"name": "p", "prompt": "x", "models": models})
cases = [
    Example(id=str(i), inputs={"a": f"text {i}", "b": f"tail {i}"}, expected="yn"[i % 2]) for i in range(40)
]
dataset = Dataset.from_splits(cases)
report = "<feedback>wrong format: 3\\nexpected: y\\nexpected: n\\n</feedback>"

async def main():
    for name in ("sim/target", "sim/optimizer"):
        sim = Simulator(name, dataset, project, 5, 0)
        for case in cases:
            messages = Prompt(text="Decide y or n. {a} {b}").render(case)
            if name == "sim/optimizer":
                messages = [Message(role="user", content=report + case.id)]
            request = ChatRequest(model=name, messages=tuple(messages))
            reply = await sim.complete(request, sample=int(case.id) % 3, timeout=9)
            print(repr(reply), sim.latency_of(request, 0))

asyncio.run(main())
"""


def test_replies_are_the_same_in_every_process():
    def run(hash_seed: str) -> str:
        root = str(Path(promptopt.__file__).parents[1])
        env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": root}
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT], env=env, capture_output=True, text=True, check=True
        )
        return done.stdout

    first = run("1")
    assert first.count("\n") == 80
    assert first == run("2")


def test_seed_changes_replies():
    cases = label_cases(60)
    assert answers(simulator(cases, seed=1), BARE, cases) != answers(simulator(cases, seed=2), BARE, cases)


def test_samples_differ_at_a_temperature_only():
    cases = label_cases(60)
    sim = simulator(cases)
    rendered = [Prompt(text=NAMED).render(case) for case in cases]

    def drawn(sample: int, temperature: float) -> list[str]:
        return [ask(sim, messages, sample=sample, temperature=temperature).text for messages in rendered]

    assert drawn(0, 0.0) == drawn(1, 0.0)
    assert drawn(0, 1.0) != drawn(1, 1.0)
    assert drawn(1, 1.0) == drawn(1, 1.0)


# Finding the case


def test_oracle_finds_the_case_alone_by_column_and_inside_a_template():
    cases = [
        Example(
            id="a", inputs={"question": "How high is it?", "place": "the tower of Pisa"}, expected="56 m"
        ),
        Example(
            id="b", inputs={"question": "How high is it?", "place": "the Eiffel tower"}, expected="330 m"
        ),
    ]
    oracle = Oracle(Dataset.from_splits(cases, cases[:0], cases[:0]))
    for case in cases:
        whole = oracle.find(case.input_text)
        assert whole and whole.case.id == case.id and whole.rest == ""
        inside = oracle.find(f"Q: {case.inputs['question']}\nPlace: {case.inputs['place']}\nAnswer briefly.")
        assert inside and inside.case.id == case.id
        assert inside.rest == "Q: …\nPlace: …\nAnswer briefly."
        column = oracle.find(case.inputs["place"])
        assert column and column.case.id == case.id
    assert oracle.find("Where is the Louvre?") is None


def test_oracle_takes_the_last_case_of_a_prompt_with_examples_and_short_cases_as_words():
    cases = [
        Example(id=str(i), inputs={"t": text}, expected=text[0])
        for i, text in enumerate(("help", "helped", "no"))
    ]
    long = [Example(id=f"l{i}", inputs={"t": f"a long text about thing {i}"}, expected="x") for i in range(3)]
    oracle = Oracle(Dataset.from_splits([*cases, *long]))
    found = oracle.find("Example: a long text about thing 0 -> x\n\nNow: a long text about thing 2")
    assert found and found.case.id == "l2"
    short = oracle.find("Label this: helped")
    assert short and short.case.id == "1"
    assert oracle.find("unhelpful") is None


def test_oracle_tells_cases_with_the_same_beginning_apart():
    cases = [
        Example(id=str(n), inputs={"input": text}, expected=str(n))
        for n, text in enumerate(
            ("ticket number 1", "ticket number 11", "ticket number 1 again", "ab", "b", "ticket number 1")
        )
    ]
    oracle = Oracle(Dataset.from_splits(cases))

    def found(message: str) -> str | None:
        match = oracle.find(message)
        return match.case.id if match else None

    assert found("Sort: ticket number 11") == "1"
    assert found("Sort: ticket number 1 again, please") == "2"
    assert found("Sort: ticket number 1, please") == "0"
    assert found("Sort: ab") == "3"
    assert found("Sort: a b") == "4"
    assert found("Sort: tab") is None


def test_templates_and_system_messages_are_answered_about_alike():
    cases = label_cases()
    assert abs(share_right(FULL, cases) - share_right(f"{FULL}\n\nMessage: {{input}}", cases)) < 0.06


# What a prompt is worth


def test_each_part_of_a_prompt_helps_and_the_scale_is_as_in_life():
    cases = label_cases()
    scores = [share_right(prompt, cases) for prompt in (VAGUE, NAMED, BARE, TIES, FULL)]
    assert scores == sorted(scores)
    assert all(after - before > 0.03 for before, after in pairwise(scores))
    assert 0.2 < scores[0] < 0.45
    assert 0.85 < scores[-1] < 0.97


def test_harm_is_done_by_contradiction_padding_bloat_and_missing_labels():
    cases = label_cases()
    full = share_right(FULL, cases)
    assert share_right(f"{FULL}\nExplain your choice in detail.", cases) < full - 0.2
    assert share_right(f"{FULL}\nThink step by step.", cases) < full - 0.08
    padding = "It is of the utmost importance to deliver a world-class, holistic and seamless experience."
    assert share_right(f"{FULL}\n{padding}", cases) < full - 0.05
    assert (
        share_right(FULL + "\nConsider the circumstances of the sender with care." * 150, cases) < full - 0.1
    )
    half = BARE.replace(", login, outage", "")
    assert share_right(half, cases) < share_right(BARE, cases) - 0.1


def test_demonstrations_teach():
    cases = label_cases()
    shown = tuple(Example(id=f"d{i}", inputs={"input": f"demo {i}"}, expected=LABELS[i]) for i in range(4))
    assert share_right(Prompt(text=VAGUE, demonstrations=shown), cases) > share_right(VAGUE, cases) + 0.1


def test_models_differ_in_skill():
    cases = label_cases()
    small, usual, large = (
        share_right(BARE, cases, model) for model in ("sim/small", "sim/target", "sim/large")
    )
    assert small < usual < large


def test_a_better_prompt_mostly_keeps_what_the_worse_one_solved():
    cases = label_cases()
    before, after = (answers(simulator(cases), prompt, cases) for prompt in (BARE, FULL))
    solved = [i for i, case in enumerate(cases) if before[i] == case.expected]
    kept = sum(after[i] == cases[i].expected for i in solved)
    assert len(solved) * 0.9 < kept < len(solved)


def test_labels_are_spelled_as_the_prompt_spells_them():
    cases = label_cases(40)
    given = answers(simulator(cases), BARE.replace("refund", "Refund"), cases)
    assert "Refund" in given
    assert "refund" not in given


def test_reading_tells_wishes_from_prohibitions():
    assert "explain" not in read("Answer with the label. Do not explain it, no explanation.", LABELS).demands
    assert "explain" in read("Answer with only the label and explain it.", LABELS).demands
    assert read("Answer with only the label and explain it.", LABELS).contradicts_itself
    assert read("Pick the label.", LABELS).bare == 0
    assert read("Pick yes or maybe. No explanation.", ("yes", "no")).named == {"yes": "yes"}
    assert read("At most 2 sentences.", ()).limit == 28


def test_definitions_are_more_than_names():
    assert read(NAMED, LABELS).defined == frozenset()
    assert read(FULL, LABELS).defined == set(LABELS)
    inline = "refund if the sender wants money; login: delivery: outage"
    assert read(inline, LABELS).defined == {"refund"}


# Latency


def test_latency_has_the_mean_asked_for_and_a_tail():
    sim = simulator(label_cases(), latency=0.5)
    requests = [ChatRequest(model="m", messages=(Message(role="user", content=str(i)),)) for i in range(400)]
    drawn = [sim.latency_of(request, 0) for request in requests]
    assert 0.45 < mean(drawn) < 0.55
    assert min(drawn) < 0.25
    assert 1.0 < max(drawn) <= 2.0
    assert sim.latency_of(requests[0], 0) != sim.latency_of(requests[0], 1)


def test_too_slow_an_answer_is_a_timeout_that_may_be_billed():
    sim = simulator(label_cases(), latency=5.0)
    request = ChatRequest(model="m", messages=(Message(role="user", content="x"),))
    with pytest.raises(TransportError, match=r"within 0\.001 s") as caught:
        asyncio.run(sim.complete(request, sample=0, timeout=0.001))
    assert caught.value.retryable and caught.value.billed and not caught.value.fatal


def test_no_latency_means_no_sleep(monkeypatch: pytest.MonkeyPatch):
    async def sleepless(seconds: float) -> None:
        raise AssertionError("slept")

    monkeypatch.setattr(asyncio, "sleep", sleepless)
    cases = label_cases(12)
    assert len(answers(simulator(cases, latency=0.0), FULL, cases)) == 12
