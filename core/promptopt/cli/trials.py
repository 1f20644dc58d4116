"""How a run chose its optimizer, as text: a table of what was tried out, and how sure the choice is."""

from typing import Any

from promptopt.cli.output import points, table


def trial_lines(trials: dict[str, Any], simulated: str = "") -> list[str]:
    """What was tried out (see ``runs.summary.trials_figures``) for people."""
    tried, chosen = trials["trials"], trials["chosen"]
    number = f"{trials['played']} of {trials['folds']} folds"
    shown = [f"tried out by cross-validation, {number}, on cases not searched on{simulated}:"]
    rows = [
        [
            "chosen" if at == chosen else "runner-up" if at == trials["runner_up"] else "",
            named(trial),
            _figure(trial["gain"], signed=True),
            _figure(trial["score"]),
            str(len(trial["folds"])),
            str(trial["calls"]),
            "–" if trial["given_up"] is None else f"after fold {trial['given_up']}",
        ]
        for at, trial in enumerate(tried)
    ]
    header = ["", "configuration", "gain on seed", "score", "folds", "target calls", "given up"]
    shown += [f"  {line}" for line in table(header, rows)]
    if chosen is None:
        return [*shown, "  none was chosen: the run ended before"]
    return [*shown, f"  {trials['reason']}", *(f"  {line}" for line in _surety(trials, simulated))]


def named(trial: dict[str, Any]) -> str:
    """A configuration as one name: ``refine (plateau = 3)``."""
    settings = ", ".join(f"{key} = {value}" for key, value in trial["settings"].items())
    return f"{trial['optimizer']} ({settings})" if settings else str(trial["optimizer"])


def _surety(trials: dict[str, Any], simulated: str) -> list[str]:
    comparison = trials["comparison"]
    if comparison is None:
        return []
    low, high = comparison["interval"]
    p = comparison["p_value"] if comparison["p_adjusted"] is None else comparison["p_adjusted"]
    verdict = comparison["verdict"]
    said = verdict if verdict == "not distinguishable" else f"{verdict} than it"
    other = named(trials["trials"][trials["runner_up"]])
    gap = points(comparison["difference"], low, high)
    return [
        f"against the runner-up, {other}: {gap} on {comparison['n']} cases, p = {p:.4g}: {said}{simulated}",
        "the score of the best of several flatters it; the sealed test does not",
    ]


def _figure(interval: dict[str, Any] | None, *, signed: bool = False) -> str:
    if interval is None:
        return "–"
    if signed:
        return points(interval["mean"], interval["low"], interval["high"])
    return f"{interval['mean']:.1%} [{interval['low']:.1%}, {interval['high']:.1%}]"
