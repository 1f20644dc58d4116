"""Introducing the package's types to the notebook that imports it, at no cost before one is shown."""

from typing import Any

from promptopt.notebook.host import shell

SHOWN = {
    ("promptopt.domain.prompt", "Prompt"): "of_prompt",
    ("promptopt.domain.results", "Evaluation"): "of_evaluation",
    ("promptopt.domain.results", "Comparison"): "of_comparison",
}
"""Types, subclasses included, and what shows them: functions of ``promptopt.notebook.representing``."""


def introduce() -> None:
    """Have IPython show these types by name: nothing is imported until one is shown."""
    formatter = getattr(getattr(shell(), "display_formatter", None), "mimebundle_formatter", None)
    if formatter is None:
        return
    for (module, name), function in SHOWN.items():
        formatter.for_type_by_name(module, name, _Shown(function))


class _Shown:
    """What IPython calls for a value of a type."""

    def __init__(self, function: str) -> None:
        self._function = function

    def __call__(self, value: Any, include: object = None, exclude: object = None) -> dict[str, str]:
        from promptopt.notebook import representing

        return getattr(representing, self._function)(value)
