"""Settings as a person types them: every value comes back, what can't be one is refused in words."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from promptopt.domain.describing import Setting, fields_of
from promptopt.domain.entering import NotTaken, entered, shown
from promptopt.domain.settings import BudgetSettings, CheckSettings, EvaluationSettings, ModelSettings


class Sample(BaseModel):
    """A model with a setting of each kind.

    Attributes:
        share: a share.
        way: how.
    """

    share: float = Field(default=0.5, ge=0, lt=1)
    many: int | None = Field(default=None, gt=0)
    way: Literal["fast", "slow"] = "fast"
    on: bool = False
    name: str = ""
    names: list[str] = Field(default_factory=list)
    price: dict[str, float] | None = None


BY_NAME = {setting.name: setting for setting in fields_of(Sample)}


def test_kinds_bounds_and_docs_come_from_the_model() -> None:
    kinds = {name: setting.kind for name, setting in BY_NAME.items()}
    assert kinds == {
        "share": "number", "many": "whole", "way": "choice", "on": "flag", "name": "text",
        "names": "list", "price": "other",
    }  # fmt: skip
    assert BY_NAME["share"].bounds == {"ge": 0, "lt": 1} and BY_NAME["share"].doc == "a share."
    assert BY_NAME["way"].choices == ("fast", "slow")


@pytest.mark.parametrize("model", [ModelSettings, BudgetSettings, EvaluationSettings, CheckSettings])
def test_every_setting_of_a_project_has_a_doc(model: type[BaseModel]) -> None:
    assert [setting.name for setting in fields_of(model) if not setting.doc] == []


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("share", "0.25", 0.25), ("share", "0", 0), ("many", "1,000", 1000), ("many", " ", None),
        ("way", "slow", "slow"), ("on", "Yes", True), ("name", " kept ", " kept "), ("name", "", None),
        ("names", "a, b ,", ["a", "b"]), ("names", '["a, b", "c"]', ["a, b", "c"]),
        ("price", "{ input = 1.5 }", {"input": 1.5}),
    ],
)  # fmt: skip
def test_what_is_typed(name: str, text: str, value: Any) -> None:
    assert entered(BY_NAME[name], text) == value


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("share", "much", "expected a number"), ("share", "1", "below 1"), ("share", "nan", "finite"),
        ("many", "2.5", "a whole number"), ("many", "0", "above 0"), ("way", "fas", "one of fast, slow"),
        ("on", "1", "true or false"), ("names", "[1]", "expected texts"), ("names", "[", "expected TOML"),
        ("price", "1\nx = 2", "expected TOML"),
    ],
)  # fmt: skip
def test_what_is_refused(name: str, text: str, said: str) -> None:
    with pytest.raises(NotTaken, match=said):
        entered(BY_NAME[name], text)


TEXTS = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=12
)
PLAIN = st.one_of(TEXTS, st.booleans(), st.integers(-999, 999), st.floats(-9, 9, allow_nan=False))
VALUES = {
    "share": st.floats(0, 0.99),
    "many": st.integers(1, 10**12),
    "way": st.sampled_from(["fast", "slow"]),
    "on": st.booleans(),
    "name": TEXTS,
    "names": st.lists(TEXTS, min_size=1, max_size=4),
    "price": st.one_of(PLAIN, st.lists(PLAIN), st.dictionaries(TEXTS, PLAIN)),
}


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name])))
def test_what_is_shown_can_be_typed(pair: tuple[str, Any]) -> None:
    setting: Setting = BY_NAME[pair[0]]
    assert entered(setting, shown(setting, pair[1])) == pair[1]
