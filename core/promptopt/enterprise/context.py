"""What a business asks of every output, as constraints that are checked and as words that a model reads."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ConstraintSettings
from promptopt.domain.task import Constraint, TaskSpec
from promptopt.domain.text import one_line
from promptopt.evaluation.checks.rules import build_rules
from promptopt.store.textfiles import closest

PREFIX = "business: "
"""What the names of its constraints begin with."""

_SAID = {"company": "Company", "industry": "Industry", "audience": "Written for", "tone": "Tone"}


class BusinessContext(BaseModel):
    """A business and its rules. Further keys are free; a model reads them like the others.

    Checked in every output: ``forbidden_words``, ``required_phrases``, ``max_words``, ``max_chars``. Told to
    the model, and checked by nobody unless a judge model is asked (:meth:`judge_check`): all else.

    Attributes:
        company, industry, audience, tone: in a few words each.
        values: what the business stands for.
        forbidden_words: words and phrases that no output may have, in whatever case, as whole words.
        required_phrases: what every output must have, in whatever case.
        max_words, max_chars: longest output.
        compliance: notes on law and policy.
        strict: an output that breaks a checked rule scores 0, whatever else is right.
    """

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True)

    company: str = ""
    industry: str = ""
    audience: str = ""
    tone: str = ""
    values: tuple[str, ...] = ()
    forbidden_words: tuple[str, ...] = ()
    required_phrases: tuple[str, ...] = ()
    max_words: int | None = Field(default=None, ge=1)
    max_chars: int | None = Field(default=None, ge=1)
    compliance: tuple[str, ...] = ()
    strict: bool = False

    @field_validator("values", "forbidden_words", "required_phrases", "compliance", mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        listed = (given,) if isinstance(given, str) else given
        if not isinstance(listed, Sequence):
            return listed
        several = cast("Sequence[Any]", listed)
        return tuple(one for one in several if not isinstance(one, str) or one.strip())

    @model_validator(mode="after")
    def _no_slips(self) -> "BusinessContext":
        for key in self.model_extra or {}:
            near = closest(key, BusinessContext.model_fields)
            if near or key == "max_length":
                raise ValueError(f"there is no {key!r}: did you mean {near or 'max_words or max_chars'}?")
        return self

    @classmethod
    def of(cls, given: "BusinessContext | Mapping[str, Any] | None") -> "BusinessContext":
        """A context of a table, or as it is; None is one that says nothing.

        Raises:
            SettingsError: a key or a value that can't be used.
        """
        if isinstance(given, BusinessContext):
            return given
        try:
            return cls.model_validate({} if given is None else given)
        except ValidationError as error:
            flaw = error.errors()[0]
            where = ".".join(("business_context", *map(str, flaw["loc"])))
            known = ", ".join(cls.model_fields)
            raise SettingsError(
                flaw["msg"], where=where, fix=f"it has {known}, and keys of your own"
            ) from None

    def text(self) -> str:
        """What a model reads; empty if there is nothing to say."""
        lines = [
            f"{label}: {one_line(getattr(self, key))}" for key, label in _SAID.items() if getattr(self, key)
        ]
        lines += [f"Stands for: {', '.join(map(one_line, self.values))}"] if self.values else []
        for key, value in (self.model_extra or {}).items():
            lines.append(f"{one_line(key.replace('_', ' ')).capitalize()}: {_told(value)}")
        lines += [f"Rule: {one_line(rule.description)}" for rule in self.constraints()]
        lines += [f"Compliance: {one_line(note)}" for note in self.compliance]
        return "\n".join(lines)

    def constraints(self) -> list[Constraint]:
        """The rules that are checked in every output. They live in settings: any worker can check them."""
        return [rule.constraint for rule in build_rules(self._settings(), "business_context")]

    def applied_to(self, task: TaskSpec) -> TaskSpec:
        """The task with the rules among its constraints, and the rest in its description."""
        known = {constraint.name for constraint in task.constraints}
        added = [constraint for constraint in self.constraints() if constraint.name not in known]
        description = "\n\n".join(part for part in (task.description, self.text()) if part)
        return task.model_copy(
            update={"description": description, "constraints": (*task.constraints, *added)}
        )

    def judge_check(self) -> dict[str, Any]:
        """A check by the judge model for what no rule can check: tone, audience, values, compliance.

        Raises:
            SettingsError: the context says nothing that a judge could go by.
        """
        said = [line for line in self.text().splitlines() if not line.startswith("Rule: ")]
        if not said:
            raise SettingsError(
                "the business context gives a judge nothing to go by", where="business_context"
            )
        rubric = "The output suits this business, its readers, its tone and its duties:\n" + "\n".join(said)
        return {"type": "judge", "name": "business fit", "rubric": rubric}

    def _settings(self) -> list[ConstraintSettings]:
        found: list[dict[str, Any]] = []
        if self.forbidden_words:
            listed = ", ".join(f'"{one_line(word)}"' for word in self.forbidden_words)
            pattern = f"(?i){_any(self.forbidden_words)}"
            found.append(
                {"name": "forbidden words", "not_regex": pattern, "description": f"never says {listed}"}
            )
        phrases = {one_line(phrase).casefold(): phrase for phrase in self.required_phrases}
        share = 1 / max(1, len(phrases))  # all phrases together weigh as much as one rule
        for phrase in phrases.values():
            said = one_line(phrase)
            found.append(
                {
                    "name": f"says {said}",
                    "regex": f"(?i){_any([phrase])}",
                    "description": f'says "{said}"',
                    "weight": share,
                }
            )
        for key, unit in (("max_words", "words"), ("max_chars", "characters")):
            most = getattr(self, key)
            if most is not None:
                found.append({"name": f"at most {most} {unit}", key: most})
        return [
            ConstraintSettings.model_validate({**table, "name": PREFIX + table["name"], "hard": self.strict})
            for table in found
        ]


def _any(phrases: Sequence[str]) -> str:
    """A pattern that finds one of the phrases as whole words, whatever white space is in it."""
    told = (r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    return rf"(?<!\w)(?:{'|'.join(told)})(?!\w)"


def _told(value: Any) -> str:
    if isinstance(value, Mapping):
        table = cast("Mapping[str, Any]", value)
        return "; ".join(f"{one_line(str(key))}: {_told(one)}" for key, one in table.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_told, cast("Sequence[Any]", value)))
    return one_line(str(value))
