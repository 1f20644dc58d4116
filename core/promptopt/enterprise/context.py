"""What a business asks of every output, as constraints that are checked and as words that a model reads."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from promptopt.domain.errors import SettingsError
from promptopt.domain.settings import ConstraintSettings
from promptopt.domain.task import Constraint, TaskSpec
from promptopt.domain.text import one_line
from promptopt.evaluation.checks.rules import build_rules
from promptopt.store.textfiles import closest
from promptopt.store.yamltext import dump_yaml

PREFIX = "business: "
"""What the names of its constraints begin with."""

_SAID = {
    "company": "Company",
    "industry": "Industry",
    "about": "About",
    "audience": "Written for",
    "tone": "Tone",
}

POLICY = "Policy: "

_COUNTED = {
    "max_words": "at most {} words",
    "min_words": "at least {} words",
    "max_chars": "at most {} characters",
}

RULES = ("max_words", "min_words", "max_chars", "regex", "not_regex", "one_of", "json_output")
"""What one of ``rules`` can ask: what a project's constraints can, but for code."""


class BusinessContext(BaseModel):
    """A business and its rules. Further keys are free; a model reads them like the others.

    Checked in every output: ``forbidden_words``, ``required_phrases``, ``max_words``, ``min_words``,
    ``max_chars``, ``rules``. Told to the model, and recorded: ``policies``. Told to the model, and checked by
    nobody unless a judge model is asked (:meth:`judge_check`): all else.

    Attributes:
        company, industry, audience, tone: in a few words each.
        about: what it does, in a few sentences.
        products: what it sells or makes.
        values: what the business stands for.
        forbidden_words: words and phrases that no output may have, in whatever case, as whole words.
        required_phrases: what every output must have, in whatever case.
        max_words, max_chars: longest output.
        min_words: shortest output.
        rules: further ones, as the constraints of a project file: a name and one of ``RULES``.
        compliance: notes on law and policy.
        policies: promises that no single output can keep or break, by name.
        strict: an output that breaks a checked rule scores 0, whatever else is right.
        example: the business is made up, to try things with; no model is told that, reports say so.
    """

    model_config = ConfigDict(extra="allow", frozen=True, str_strip_whitespace=True)

    company: str = ""
    industry: str = ""
    about: str = ""
    products: tuple[str, ...] = ()
    audience: str = ""
    tone: str = ""
    values: tuple[str, ...] = ()
    forbidden_words: tuple[str, ...] = ()
    required_phrases: tuple[str, ...] = ()
    max_words: int | None = Field(default=None, ge=1)
    min_words: int | None = Field(default=None, ge=1)
    max_chars: int | None = Field(default=None, ge=1)
    rules: tuple[ConstraintSettings, ...] = ()
    compliance: tuple[str, ...] = ()
    policies: dict[str, str] = Field(default_factory=dict[str, str])
    strict: bool = False
    example: bool = False

    @field_validator("products", "values", "forbidden_words", "required_phrases", "compliance", mode="before")
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
            if key == "name":
                raise ValueError("there is no 'name': did you mean company?")
        return self

    @model_validator(mode="after")
    def _rules_can_hold(self) -> "BusinessContext":
        """A company's file asks for no trust, so it runs no code."""
        for rule in self.rules:
            if rule.code is not None or rule.validator is not None:
                raise ValueError(f"the rule {rule.name!r} can't be code: it has one of {', '.join(RULES)}")
        if (self.min_words or 0) > (self.max_words or self.min_words or 0):
            raise ValueError(f"found min_words {self.min_words}, which is above max_words {self.max_words}")
        try:
            build_rules(self._settings(), "rules")
        except SettingsError as error:
            raise ValueError(str(error)) from None
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

    @classmethod
    def load(cls, path: str | Path, scenario: str = "") -> "BusinessContext":
        """A context from a file (YAML, TOML or JSON): its keys, or those of an enterprise configuration.

        Args:
            path: of the file; ``examples/acme.yaml`` is also the one that comes with the package.
            scenario: one of the configuration's; its constraints are in the context then.

        Raises:
            SettingsError: it can't be read, has a key or a value that can't be used, or no such scenario.
        """
        from promptopt.enterprise.config import load_company

        return load_company(path, scenario)

    def save(self, path: str | Path) -> Path:
        """Write it as a YAML file that :meth:`load` reads. One that is there is replaced.

        Raises:
            SettingsError: the file can't be written.
        """
        target = Path(path).expanduser()
        said = self.model_dump(mode="json", exclude_defaults=True)
        said |= (
            {"rules": [rule.model_dump(exclude_defaults=True) for rule in self.rules]} if self.rules else {}
        )
        try:
            target.write_text(dump_yaml(said), encoding="utf-8")
        except OSError as error:
            raise SettingsError(f"the file can't be written: {error.strerror}", where=str(target)) from error
        return target

    def text(self) -> str:
        """What a model reads; empty if there is nothing to say."""
        lines = [
            f"{label}: {one_line(getattr(self, key))}" for key, label in _SAID.items() if getattr(self, key)
        ]
        for label, listed in (("Products", self.products), ("Stands for", self.values)):
            lines += [f"{label}: {', '.join(map(one_line, listed))}"] if listed else []
        for key, value in (self.model_extra or {}).items():
            lines.append(f"{one_line(key.replace('_', ' ')).capitalize()}: {_told(value)}")
        lines += [f"Rule: {one_line(rule.description)}" for rule in self.constraints()]
        lines += [f"Compliance: {one_line(note)}" for note in self.compliance]
        lines += [f"{POLICY}{one_line(said)}" for said in self.policies.values()]
        return "\n".join(lines)

    def checked_rules(self) -> list[ConstraintSettings]:
        """The same rules as a project file has them."""
        return self._settings()

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
        said = [line for line in self.text().splitlines() if not line.startswith(("Rule: ", POLICY))]
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
        for key, said in _COUNTED.items():
            number = getattr(self, key)
            if number is not None:
                found.append({"name": said.format(number), key: number})
        found += [rule.model_dump(exclude_defaults=True) for rule in self.rules]
        return [
            ConstraintSettings.model_validate(
                {
                    **table,
                    "name": PREFIX + table["name"].removeprefix(PREFIX),
                    "hard": self.strict or table.get("hard", False),
                }
            )
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
