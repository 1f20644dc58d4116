"""What the check ``json_schema`` does inside the sandbox. Imports nothing of promptopt.

The library is imported with this module: the sandbox gives time for that, and none of a check's own goes by.
"""

import json
from functools import lru_cache
from typing import Any

from jsonschema.exceptions import relevance
from jsonschema.validators import Draft202012Validator, validator_for
from jsonschema_specifications import REGISTRY  # pyright: ignore[reportMissingTypeStubs]

MOST_FAULTS = 4


@lru_cache(maxsize=16)
def _validator(schema: str) -> Any:
    parsed = json.loads(schema)
    # A registry of its own, so that no reference is ever fetched from the network.
    return validator_for(parsed, default=Draft202012Validator)(parsed, registry=REGISTRY)


def validate(output: str, expected: str | None, inputs: dict[str, str]) -> tuple[float, str]:
    """Whether the JSON text ``output`` is valid under ``inputs["schema"]``: 1, or 0 and what is wrong."""
    try:
        faults: list[Any] = sorted(
            _validator(inputs["schema"]).iter_errors(json.loads(output)), key=relevance, reverse=True
        )
    except RecursionError:
        return 0.0, "wrong fields: nested too deeply"
    except Exception as error:
        return 0.0, f"the schema can't be used: {type(error).__name__}: {error}"
    if not faults:
        return 1.0, ""
    told = "; ".join(_told(fault) for fault in faults[:MOST_FAULTS])
    more = f"; and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
    return 0.0, f"wrong fields: {told}{more}"


def _told(fault: Any) -> str:
    place = ".".join(str(part) for part in fault.absolute_path) or "the value"
    if fault.validator == "required":
        message = str(fault.message)
        name = message.partition("'")[2].partition("'")[0]
        return f"{name if place == 'the value' else f'{place}.{name}'} is missing"
    if fault.validator == "additionalProperties":
        return f"{place}: {str(fault.message)[:120]}, which should not be there"
    return f"{place}: {str(fault.message)[:120]}"
