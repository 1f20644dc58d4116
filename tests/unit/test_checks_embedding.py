"""Similarity by embeddings: who is asked for what, and what follows if there is no embedding."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptopt.domain.chat import EmbedRequest, LLMResponse
from promptopt.domain.errors import CallFailed, ModelError, SettingsError
from promptopt.domain.results import CheckResult, Judging
from promptopt.domain.settings import ModelSettings, Price, ProjectSettings
from promptopt.domain.vectors import cosine, pack, unpack
from promptopt.evaluation import embedding
from promptopt.evaluation.checks import build_judge
from promptopt.evaluation.embedding import Embedded, Embedder
from promptopt.models.prices import lookup_price
from promptopt.models.transport import TransportError
from promptopt.runs.launch import simulated
from promptopt.runs.setup import model_of, price_of
from tests.unit.simulated import ask, label_cases, simulator
from tests.unit.test_checks import case, project, refused

CHECK = {"type": "similarity", "method": "embedding"}
MEANINGS = {"a cat": [1.0, 0.0], "one cat": [0.9, 0.1], "a bill": [0.0, 1.0], "no cat": [-1.0, 0.0]}


class Model:
    """An embedding model that knows a few texts."""

    def __init__(self, **more: list[float]) -> None:
        self.known = {**MEANINGS, **more}
        self.asked: list[str] = []

    async def __call__(self, text: str) -> Embedded:
        self.asked.append(text)
        if text not in self.known:
            raise CallFailed("no such text")
        return Embedded(unpack(pack(self.known[text])))


async def judged(model: Model | None, output: str, expected: str = "a cat", **check: Any) -> CheckResult:
    warned: list[str] = []
    judge = build_judge(project({**CHECK, **check}), Path(), notice=warned.append)
    (result,) = await judge.judge(case(expected), output, embed=model)
    await judge.close()
    assert len(warned) == result.reason.startswith("there is no embedding")
    return result


async def test_the_score_is_the_cosine_and_never_below_zero() -> None:
    close = await judged(Model(), "one cat")
    assert close.passed and close.score == pytest.approx(0.9 / (0.82**0.5))
    assert close.reason.startswith("embedding similarity 0.99; expected")
    assert (await judged(Model(), "a bill")).score == (await judged(Model(), "no cat")).score == 0
    assert (await judged(Model(), "one cat", threshold=0.999)).passed is False


async def test_equal_and_empty_outputs_ask_nobody() -> None:
    model = Model()
    assert (await judged(model, "  a cat\n")).score == 1
    empty = await judged(model, " \n")
    assert (empty.score, empty.passed, empty.reason) == (0, False, "the output is empty")
    assert not model.asked


@pytest.mark.parametrize(
    ("model", "output", "said"),
    [
        (None, "one cat", "no embedding model to ask"),
        (Model(), "unheard of", "no such text"),
        (Model(short=[1.0]), "short", "one has 2 dimensions, the other 1"),
        (Model(zero=[0.0, 0.0]), "zero", "zero"),
    ],
)
async def test_without_embeddings_that_compare_the_check_fails_and_says_why(
    model: Model | None, output: str, said: str
) -> None:
    result = await judged(model, output, threshold=0.0)
    assert result.score == 0
    assert result.reason.startswith("there is no embedding to compare: ") and said in result.reason


async def test_what_lies_beyond_the_bound_is_not_sent() -> None:
    model = Model()
    await judged(model, "x" * 50_000)
    assert model.asked == ["a cat", "x" * 20_000]


def test_the_model_is_asked_only_if_a_check_wants_it() -> None:
    assert build_judge(project({"type": "similarity"}), Path()).asks == frozenset()
    group = {"type": "any_of", "checks": [CHECK, {"type": "judge", "rubric": "r"}]}
    assert build_judge(project(group), Path()).asks == {"embedding", "judge"}
    assert build_judge(project({"type": "exact"}), Path(), [case(checks=(CHECK,))]).asks == {"embedding"}


def test_options_and_models_that_are_wrong_are_refused() -> None:
    assert refused({**CHECK, "ignore_case": True}).where == "checks[0].ignore_case"
    assert refused({**CHECK, "method": "meaning"}).where == "checks[0].method"
    with pytest.raises(SettingsError, match=r"(?s)asks the embedding model.*\[models.embedding\]"):
        model_of(project(CHECK), "embedding")


# --- each text once ---


@settings(derandomize=True, deadline=None, max_examples=60)
@given(texts=st.lists(st.sampled_from("abcdef"), max_size=40), kept=st.integers(1, 4))
def test_what_texts_took_is_counted_once_however_few_are_kept(texts: list[str], kept: int) -> None:
    asked: list[str] = []

    async def model(text: str) -> LLMResponse:
        asked.append(text)
        await asyncio.sleep(0)
        vector, usage = pack([ord(text)]), {"prompt_tokens": 2, "completion_tokens": 0}
        return LLMResponse(text="", vector=vector, usage=usage, cost=0.5, latency=0.1)

    async def run() -> Judging:
        embedder, took = Embedder(), Judging()
        for text in texts:
            embedded, cost = await embedder.embed(text, model)
            assert list(embedded.vector) == [ord(text)]
            took += cost
        return took

    before, embedding.MOST_KEPT = embedding.MOST_KEPT, kept
    try:
        took = asyncio.run(run())
    finally:
        embedding.MOST_KEPT = before
    different = len(set(texts))
    assert (took.calls, took.tokens) == (different, 2 * different)
    assert took.usd == pytest.approx(0.5 * different) and took.seconds == pytest.approx(0.1 * different)
    if different <= kept:
        assert sorted(asked) == sorted(set(texts))


# --- settings ---


def with_embedding(**model: Any) -> ProjectSettings:
    models = {"target": {"model": "openai/gpt-4o-mini"}, "embedding": {"model": "openai/e", **model}}
    table = {"name": "x", "prompt": "p", "models": models, "budget": {"embedding_usd": 1}}
    return ProjectSettings.model_validate(table)


def test_a_price_of_the_input_is_a_price() -> None:
    assert price_of(with_embedding(price={"input": 0.5}), "embedding") == Price(input=0.5, output=0)
    with pytest.raises(ModelError, match=r"the price of openai/e is unknown"):
        price_of(with_embedding(), "embedding")
    with pytest.raises(ValueError, match="output"):
        ModelSettings(model="m", price={"input": 0.5})  # type: ignore[arg-type]


def test_prices_of_embedding_models_are_listed() -> None:
    price = lookup_price(ModelSettings(model="openai/text-embedding-3-small"))
    assert price == Price(input=0.02, output=0)


def test_a_rehearsal_has_a_simulated_embedding_model() -> None:
    models = simulated(with_embedding(base_url="http://localhost:1/v1")).models
    assert (models["embedding"].model, models["embedding"].base_url) == ("sim/embedding", None)


# --- the simulated model ---


def simulated_vector(text: str) -> Any:
    sim = simulator(None, "sim/embedding")
    reply = asyncio.run(sim.complete(EmbedRequest(model="sim/embedding", text=text), sample=0, timeout=9))
    assert reply.text == "" and reply.completion_tokens == 0 and reply.prompt_tokens is not None
    return unpack(reply.vector)


def test_the_simulated_model_knows_words_and_stems() -> None:
    right = simulated_vector("Refunds take five working days.")
    near = simulated_vector("A refund takes five days of work.")
    far = simulated_vector("Bananas are yellow!")
    assert cosine(right, near) > 0.4 > 0.15 > cosine(right, far)
    assert simulated_vector("Refunds take five working days.") == right


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.text(max_size=40))
def test_the_simulated_model_embeds_anything(text: str) -> None:
    assert cosine(simulated_vector(text), simulated_vector(text)) == pytest.approx(1)


def test_simulated_models_do_no_work_of_another_kind() -> None:
    from promptopt.domain.prompt import Message

    with pytest.raises(TransportError, match="gives embeddings, no texts"):
        ask(simulator(None, "sim/embedding"), [Message(role="user", content="hi")])
    with pytest.raises(TransportError, match="gives texts, no embeddings") as caught:
        request = EmbedRequest(model="sim/target", text="hi")
        asyncio.run(simulator(label_cases(), "sim/target").complete(request, sample=0, timeout=9))
    assert caught.value.fatal
