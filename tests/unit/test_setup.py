"""What a run uses of its project: the splits that are scored when nothing is searched for."""

from typing import Any

import pytest

from promptopt.domain.dataset import Dataset, Example
from promptopt.domain.settings import ProjectSettings
from promptopt.runs.setup import splits_to_score

ONE, TWO, THREE = (Example(id=name, inputs={"text": name}) for name in ("a", "b", "c"))
SPLIT = Dataset(train=(ONE,), validation=(TWO,), test=(THREE,))
UNSPLIT = Dataset(train=(ONE, TWO), validation=(ONE, TWO), held_back=False)


def settings(**optimizer: Any) -> ProjectSettings:
    return ProjectSettings.model_validate(
        {"name": "p", "prompt": "x", "models": {"target": {"model": "m"}}, "optimizer": optimizer}
    )


@pytest.mark.parametrize(
    ("asked", "dataset", "scored"),
    [
        ({}, SPLIT, ["validation"]),
        ({"split": "test"}, SPLIT, ["test"]),
        ({"split": "all"}, SPLIT, ["train", "validation", "test"]),
        ({"split": "all"}, SPLIT.model_copy(update={"train": ()}), ["validation", "test"]),
        ({"split": "all"}, UNSPLIT, ["train"]),
        ({"split": "test"}, UNSPLIT, []),
    ],
)
def test_no_case_is_scored_twice_and_no_empty_split(asked: Any, dataset: Dataset, scored: list[str]) -> None:
    assert splits_to_score(settings(**asked), dataset) == scored
