"""The commands below ``promptopt experiment``, ``data``, ``poc`` and ``benchmark``."""

from promptopt.cli.commands import LOOK, START, STEER, Command

EXPERIMENT = (
    Command(
        "run",
        "experimenting:run",
        START,
        "Carry an experiment file out, or go on with it.",
        (
            "experiment run experiment.yaml --usd 20",
            "experiment run experiment.yaml --simulate",
            "experiment run examples --simulate --parallel 4",
        ),
    ),
    Command(
        "show",
        "experimenting:show",
        LOOK,
        "Show the table of an experiment, finished or under way.",
        ("experiment show latest", "experiment show latest --json | jq '.rows[].score.score'"),
    ),
    Command("list", "experimenting:list_all", LOOK, "List experiments, newest first.", ("experiment list",)),
)
"""The commands below ``experiment``."""

DATA = (
    Command(
        "generate",
        "making:generate",
        START,
        "Have a model make cases up for a scenario, as a run.",
        (
            "data generate customer_support --company examples/acme.yaml --count 200 --quote",
            "data generate internal_email --count 50 --simulate --project mails",
            "data generate mine.toml --judge openai/gpt-4o-mini --usd 2 --out cases.jsonl",
        ),
    ),
    Command(
        "review",
        "reviewing:review",
        START,
        "Go through cases one by one: keep, edit, drop. Decisions are kept.",
        ("data review latest", "data review cases.jsonl --out reviewed.jsonl", "data review latest --json"),
    ),
    Command(
        "save",
        "making:save",
        START,
        "Write out what a run made up, as it was reviewed.",
        ("data save latest --out cases.jsonl", "data save latest --project support --reviewed-only"),
    ),
    Command(
        "scenarios",
        "data:scenarios",
        LOOK,
        "List the scenarios that cases can be made up for.",
        ("data scenarios", "data scenarios customer_support"),
    ),
    Command(
        "validate",
        "data:validate",
        LOOK,
        "Measure cases: repetitions, leaks, variety, balance, odd labels and texts, private data.",
        ("data validate triage", "data validate cases.csv --strict", "data validate cases.csv --json"),
    ),
    Command("splits", "data:splits", LOOK, "Tell which case is in which split.", ("data splits triage",)),
)
"""The commands below ``data``."""

POC = (
    Command(
        "run",
        "pocs:run",
        START,
        "Carry one out, or go on with it.",
        (
            "poc run --scenario customer_support --company examples/acme.yaml",
            "poc run --scenario internal_email --company acme.yaml --model openai/gpt-4o-mini --max-usd 50",
            "poc run --scenario customer_support --cases tickets.csv --prompt today.txt --detach",
        ),
    ),
    Command(
        "estimate",
        "pocs:estimate",
        START,
        "Forecast what all stages need, and what the budget carries; sends nothing.",
        ("poc estimate --scenario customer_support --model openai/gpt-4o-mini --max-usd 20",),
    ),
    Command(
        "show",
        "pocs:show",
        LOOK,
        "Show where one stands, or what it came to.",
        ("poc show latest", "poc show latest --json | jq .headline"),
    ),
    Command(
        "resume",
        "pocs:resume",
        STEER,
        "Let one go on that was paused, stopped, held or killed.",
        ("poc resume latest", "poc resume latest --accept-cases"),
    ),
    Command("pause", "pocs:pause", STEER, "Hold one and its runs.", ("poc pause latest",)),
    Command("stop", "pocs:stop", STEER, "End one and its runs for now.", ("poc stop latest",)),
    Command("list", "pocs:list_all", LOOK, "List them, newest first.", ("poc list",)),
)
"""The commands below ``poc``."""

BENCHMARK = (
    Command(
        "business",
        "benchmarking:business",
        START,
        "Run optimizers on business tasks that come with the package.",
        (
            "benchmark business --list",
            "benchmark business --benchmark customer_support --optimizer refine",
            "benchmark business --model openai/gpt-4o-mini --max-usd 20 --company examples/acme.yaml",
            "benchmark business --json | jq .recommended",
        ),
    ),
)
"""The commands below ``benchmark``."""

BELOW = {"experiment": EXPERIMENT, "data": DATA, "poc": POC, "benchmark": BENCHMARK}
