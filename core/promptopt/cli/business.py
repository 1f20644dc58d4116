"""What commands about a business have in common: who it is, which models, one budget."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

if TYPE_CHECKING:
    from promptopt.domain.settings import ModelSettings
    from promptopt.domain.words import Role
    from promptopt.enterprise.config import EnterpriseConfig
    from promptopt.enterprise.context import BusinessContext

Positive = Annotated[float | None, Parameter(validator=Number(gt=0, lt=float("inf")))]
Whole = Annotated[int | None, Parameter(validator=Number(gte=1))]


@Parameter(name="*")
@dataclass(frozen=True)
class Roles:
    """Models. Without any, the built-in simulator stands in, and every figure says so.

    Attributes:
        model: that the prompt is for.
        optimizer_model: that writes prompts; also generator and judge, if these are not named.
        generator_model: that makes cases up.
        judge_model: that judges outputs and cases.
    """

    model: str | None = None
    optimizer_model: str | None = None
    generator_model: str | None = None
    judge_model: str | None = None


@Parameter(name="*")
@dataclass(frozen=True)
class Limits:
    """One budget over everything.

    Attributes:
        max_usd: most US dollars.
        max_calls: most calls of models.
        max_tokens: most tokens.
        max_minutes: longest running time of all runs together.
    """

    max_usd: Positive = None
    max_calls: Whole = None
    max_tokens: Whole = None
    max_minutes: Positive = None

    def table(self) -> dict[str, float]:
        """The caps by name."""
        said = {
            "usd": self.max_usd,
            "calls": self.max_calls,
            "tokens": self.max_tokens,
            "minutes": self.max_minutes,
        }
        return {name: value for name, value in said.items() if value is not None}


def company_of(
    company: Path | None, config: Path | None = None
) -> "tuple[EnterpriseConfig | None, BusinessContext | None]":
    """The configuration and the context that these files hold; a configuration may be given as either.

    Raises:
        SettingsError: a file can't be read, or something in it can't be used.
    """
    from promptopt.enterprise.config import MARK, EnterpriseConfig, company_file, load_company
    from promptopt.store.textfiles import read_text

    loaded = EnterpriseConfig.load(config) if config else None
    if company is None:
        return loaded, None
    path = company_file(company)
    if loaded is None and MARK in read_text(path, 1_000_000):
        return EnterpriseConfig.load(path), None
    return loaded, load_company(path)


def models_of(models: Roles) -> "dict[Role, ModelSettings]":
    """Models by role; none: the simulator stands in.

    Raises:
        SettingsError: there are some, but not the one that the prompt is for.
    """
    from promptopt.domain.errors import SettingsError
    from promptopt.domain.settings import OPTIMIZER_MODEL, ModelSettings

    strong = {key: value for key, value in OPTIMIZER_MODEL.items() if key != "model"}
    named: dict[Role, tuple[str | None, dict[str, Any]]] = {
        "target": (models.model, {}),
        "optimizer": (models.optimizer_model, strong),
        "generator": (models.generator_model, strong),
        "judge": (models.judge_model, {}),
    }
    given: dict[Role, ModelSettings] = {
        role: ModelSettings.model_validate({**extra, "model": name})
        for role, (name, extra) in named.items()
        if name
    }
    if given and "target" not in given:
        raise SettingsError("--model is missing: the model that the prompt is for", where="--model")
    return given
