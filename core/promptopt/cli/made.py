"""What a run that makes cases up has made, for people."""

from typing import Any

from promptopt.cli.output import counted, table


def made_lines(generation: dict[str, Any], simulated: str) -> list[str]:
    """The figures of a run (see ``runs.drafts.generation_figures``): cases, what was left out, the grid."""
    asked = counted(generation["requests"], "request")
    shown = [f"{generation['cases']} of {generation['wanted']} cases made, {asked}{simulated}"]
    left_out: dict[str, int] = generation["left_out"]
    if left_out:
        shown.append(f"left out: {', '.join(f'{count} {why}' for why, count in left_out.items())}{simulated}")
    if generation["noted"]:
        shown.append(
            f"{counted(generation['noted'], 'case')} without an answer, or without facts, that could be used"
        )
    if generation["realism"] is not None and not generation["quality"]:
        shown.append(f"realism so far {generation['realism']:.1f} of 10{simulated}")
    shown += coverage_lines(generation["coverage"])
    if generation["quality"]:
        from promptopt.synthetic.quality import in_words

        first, *rest = in_words(generation["quality"])
        shown += [f"{first}{simulated}", *rest]
    return shown


def coverage_lines(coverage: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    """The grid: of each persona, difficulty and situation, how many cases there are and are wanted."""
    rows = [
        [dimension if number == 0 else "", name, f"{cell['cases']} of {cell['wanted']}"]
        for dimension, values in coverage.items()
        for number, (name, cell) in enumerate(values.items())
    ]
    return table(["", "grid", "cases"], rows)
