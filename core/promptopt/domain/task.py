"""The task: what a prompt must make the model do."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, model_validator

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError


class Constraint(BaseModel):
    """A rule that every output of the task must keep, whatever the case.

    Attributes:
        name: short name, shown in reports.
        description: the rule in words; it is told to the optimizer.
        validator: takes the output text and returns whether it keeps the rule.
        weight: its share in a weighted mean over constraints and checks.
        hard: breaking it makes the whole case score 0, whatever else was right.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    description: str
    validator: Callable[[str], bool] = Field(exclude=True, repr=False)
    weight: float = Field(default=1.0, gt=0)
    hard: bool = False

    @model_validator(mode="before")
    @classmethod
    def _has_a_function(cls, given: object) -> object:
        """Rules in words are a project file's; here it is a function, which is easily forgotten."""
        table: dict[str, Any] = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
        missing = [name for name in ("name", "description", "validator") if name not in table]
        unknown = [name for name in table if name not in cls.model_fields]
        fix = 'Constraint(name="short", description="at most 20 words", validator=lambda said: …)'
        if table and (missing or unknown):
            said = [f"it needs {', '.join(missing)}"] if missing else []
            said += [f"it has no {', '.join(unknown)}, which project files know"] if unknown else []
            raise SettingsError("; ".join(said), where="Constraint", fix=fix)
        if table and not callable(table["validator"]):
            kind = type(table["validator"]).__name__
            raise SettingsError(f"the validator can't be a {kind}", where="Constraint", fix=fix)
        return cast(object, given)


class ConstraintOutcome(BaseModel):
    """Whether one constraint was kept."""

    model_config = ConfigDict(frozen=True)

    passed: bool
    description: str
    weight: float
    reason: str = ""


class ConstraintValidationResult(BaseModel):
    """What :meth:`TaskSpec.validate_response` found.

    Attributes:
        overall_score: weighted share of the constraints that were kept, in [0, 1]; 1 without constraints.
        constraint_results: one outcome per constraint, by its name.
    """

    model_config = ConfigDict(frozen=True)

    overall_score: float
    constraint_results: dict[str, ConstraintOutcome]


class TaskSpec(BaseModel):
    """What a prompt must do.

    Attributes:
        description: the task in the words of its owner.
        signature: DSPy-style signature, ``"question -> answer"``.
        input_format: field name to a description of what goes in.
        output_format: field name to a description of what must come out.
        constraints: rules for every output.
        examples: cases that illustrate the task (not used for scoring).
    """

    model_config = ConfigDict(frozen=True)

    description: str = ""
    signature: str = "input -> output"
    input_format: dict[str, Any] = Field(default_factory=dict[str, Any])
    output_format: dict[str, Any] = Field(default_factory=dict[str, Any])
    constraints: Sequence[Constraint] = ()
    examples: Sequence[Example] = ()

    def validate_response(self, response: str) -> ConstraintValidationResult:
        """Judge ``response`` by every constraint. A validator that raises counts as broken."""
        outcomes: dict[str, ConstraintOutcome] = {}
        kept = total = 0.0
        for constraint in self.constraints:
            passed, reason = _keeps(constraint, response)
            outcomes[constraint.name] = ConstraintOutcome(
                passed=passed, description=constraint.description, weight=constraint.weight, reason=reason
            )
            total += constraint.weight
            kept += constraint.weight if passed else 0.0
        return ConstraintValidationResult(
            overall_score=kept / total if total else 1.0, constraint_results=outcomes
        )


def _keeps(constraint: Constraint, response: str) -> tuple[bool, str]:
    try:
        found = cast(object, constraint.validator(response))
        if isinstance(found, Coroutine):
            cast("Coroutine[Any, Any, Any]", found).close()
            raise TypeError("the validator is a coroutine function, which only a run awaits")
        passed = bool(found)
    except (Exception, SystemExit) as error:
        return False, f"{type(error).__name__}: {error}"
    return passed, "" if passed else constraint.description
