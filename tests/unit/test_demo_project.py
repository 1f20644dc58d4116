"""The demo project is complete, varied, and behaves like a real one."""

import asyncio
import json
import tomllib
from collections import Counter
from statistics import mean
from typing import Any

import pytest

from promptopt.domain.chat import ChatRequest
from promptopt.domain.dataset import Dataset, Example, split_cases
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import ProjectSettings
from promptopt.examples import demo_dir
from promptopt.models.simulator import MODELS, Simulator

QUEUES = {"billing", "technical", "account", "shipping"}

HAND_WRITTEN = """Sort the support ticket into one queue: billing, technical, account or shipping.
- billing: charges, refunds, invoices, prices and means of payment
- technical: a device, the app or the website does not work as it should
- account: sign-in, profile data, access rights, deleting an account
- shipping: delivery, damaged or missing goods, returns
If a ticket touches two topics, go by what the writer asks for. Tickets may be very short or in any language.
Answer with only the name of the queue. No explanation, nothing else."""


@pytest.fixture(scope="module")
def project() -> ProjectSettings:
    return ProjectSettings.model_validate(
        tomllib.loads((demo_dir() / "project.toml").read_text(encoding="utf-8"))
    )


@pytest.fixture(scope="module")
def rows(project: ProjectSettings) -> list[dict[str, Any]]:
    assert project.data.file
    lines = (demo_dir() / project.data.file).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def dataset(project: ProjectSettings, rows: list[dict[str, Any]]) -> Dataset:
    cases = [
        Example(id=row["id"], inputs={"text": row["text"]}, expected=row["queue"], tags=tuple(row["tags"]))
        for row in rows
    ]
    return split_cases(cases, project.data.split, project.data.seed)


def test_tickets_are_many_balanced_and_all_different(rows: list[dict[str, Any]]):
    assert len(rows) >= 120
    assert all(set(row) == {"id", "text", "queue", "tags"} for row in rows)
    queues = Counter(row["queue"] for row in rows)
    assert set(queues) == QUEUES
    assert max(queues.values()) - min(queues.values()) <= 2
    assert len({" ".join(row["text"].casefold().split()) for row in rows}) == len(rows)
    assert len({" ".join(row["text"].split()[:4]) for row in rows}) > 0.9 * len(rows), "no template"
    assert {tag for row in rows for tag in row["tags"]} == {"plain", "lookalike", "two topics", "edge"}


def test_splits_are_as_announced(dataset: Dataset):
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (60, 30, 30)
    for split in (dataset.train, dataset.validation, dataset.test):
        assert {case.expected for case in split} == QUEUES


def test_models_are_simulated_priced_and_capped(project: ProjectSettings):
    assert project.simulated
    for model in project.models.values():
        assert model.model in MODELS
        assert model.price and model.price.input > 0
        assert not model.api_key_env
    assert {"usd", "calls", "minutes"} <= set(project.budget.limits())
    assert [check.type for check in project.checks] == ["exact"]


def test_the_start_is_poor_and_a_careful_prompt_is_good(project: ProjectSettings, dataset: Dataset):
    target = project.models["target"]
    cases = list(dataset.cases())

    async def share(prompt: str, seed: int) -> float:
        sim = Simulator(target.model, dataset, project, seed, 0.0)
        hits: list[bool] = []
        for case in cases:
            request = ChatRequest(
                model=target.model,
                messages=tuple(Prompt(text=prompt).render(case)),
                temperature=target.temperature,
                max_tokens=target.max_tokens,
            )
            hits.append((await sim.complete(request, sample=0, timeout=9)).text == case.expected)
        return mean(hits)

    for seed in range(3):
        assert 0.2 < asyncio.run(share(project.prompt, seed)) < 0.45
        assert 0.85 < asyncio.run(share(HAND_WRITTEN, seed)) < 0.98
