"""Checks against a JSON schema: ``json_schema``."""

import json
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic import Field, PrivateAttr

from promptopt.domain.dataset import Example
from promptopt.domain.errors import SettingsError
from promptopt.evaluation.checks import reasons
from promptopt.evaluation.checks.base import RIGHT, Check, Opinion, Tools
from promptopt.evaluation.checks.structured import MISSING, fenced, read_json, unwrap
from promptopt.evaluation.sandbox import Request

FUNCTION = "promptopt.evaluation.schema_worker:validate"


class JsonSchema(Check):
    """The output is JSON that a JSON schema allows.

    It is validated in the sandbox, for a pattern may take for ever. The draft is that of ``$schema``, else
    2020-12. References to other documents are not followed.

    Attributes:
        schema_: ``schema`` in the project file: the schema, as a table or as JSON text.
        file: in place of it a JSON file with the schema, beside the project file.
        allow_fence: a Markdown code fence around the JSON is no fault. Default: false.
        timeout: seconds. Default: 2.
    """

    about_form: ClassVar[bool] = True
    schema_: dict[str, Any] | bool | str | None = Field(default=None, alias="schema")
    file: str | None = None
    allow_fence: bool = False
    timeout: float = Field(default=2.0, gt=0)
    _text: str = PrivateAttr(default="true")

    def check_options(self, where: str, project_dir: Path) -> None:
        self._text = json.dumps(self._load(where, project_dir), default=str)

    async def judge(self, case: Example, output: str, tools: Tools) -> Opinion:
        inside, after = fenced(output.strip())
        text = inside if inside and not after and self.allow_fence else output
        try:
            read_json(text)
        except ValueError as error:
            why = reasons.NOT_JSON if unwrap(output)[0] is MISSING else reasons.NOT_BARE_JSON
            return Opinion(0.0, f"{why} ({error}): {reasons.quote(output.strip(), 80)}")
        request = Request("ours", FUNCTION, text, inputs={"schema": self._text}, timeout=self.timeout)
        outcome = await tools.boxes.run(request)
        return RIGHT if outcome.score == 1 else Opinion(0.0, outcome.reason)

    def _load(self, where: str, project_dir: Path) -> Any:
        """The schema, checked. Raises SettingsError."""
        if (self.schema_ is None) == (self.file is None):
            raise SettingsError(
                "a check of type 'json_schema' needs either schema or file",
                where=where,
                fix='as in file = "answer.json"',
            )
        place = f"{where}.{'schema' if self.file is None else 'file'}"
        schema: Any = self.schema_
        if self.file is not None:
            schema = _read(project_dir / self.file, place)
        if isinstance(schema, str):
            try:
                schema = read_json(schema)
            except ValueError as error:
                fix = "mend it; JSON has double quotes and no comments"
                raise SettingsError(f"the schema is not JSON: {error}", where=place, fix=fix) from None
        _check(schema, place)
        return schema


def _read(path: Path, place: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"the schema {path} can't be read: {reason}", where=place, fix="name a JSON file"
        ) from None


def _check(schema: Any, place: str) -> None:
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    if not isinstance(schema, dict | bool):
        raise SettingsError("the schema is neither a table nor true or false", where=place)
    kind: Any = validator_for(cast(Any, schema), default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        at = "/".join(str(part) for part in error.absolute_path)
        what = f"the schema is wrong{f' at {at}' if at else ''}: {reasons.shorten(error.message)}"
        raise SettingsError(what, where=place, fix="mend the schema") from None
