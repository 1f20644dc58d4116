# Synthetic Data Generation: a task and cases drafted by a model, looked at before they are used
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Synthetic Data Generation
# No cases yet? A model drafts some, you look at them, and a search can begin. A score on made-up cases tells
# how a prompt does on made-up cases: replace them by real ones as soon as you have any.
#
# It runs as it is, from top to bottom, on the built-in simulator: no key, no cost. **Simulated figures say
# nothing about a real model**; they show how the work goes. For a real model put its name into `MODELS`.

# %%
import promptopt

# For real models: MODELS = {"target": "openai/gpt-4o-mini", "optimizer": "anthropic/claude-opus-4-5"}
MODELS = {
    "target": {"model": "sim/target", "latency": 0},
    "optimizer": {"model": "sim/optimizer", "latency": 0},
}
BUDGET = {"usd": 2.0, "calls": 4000}  # never crossed

# Keys come from the environment, Colab's secrets or a hidden prompt. None is stored here.
colab = promptopt.ColabManager()
colab.setup_secrets(models=MODELS)

# %% [markdown]
# ## 1. What it may cost at most
# `sim/generator` stands in for a model here; name yours in `GENERATOR`.

# %%
from promptopt.domain.settings import ModelSettings
from promptopt.synthetic.asking import quote
from promptopt.synthetic.drafting import draft, drafting

GENERATOR = ModelSettings(model="sim/generator", max_tokens=4000, latency=0)
DESCRIPTION = "label a customer's review of a coffee shop as positive, negative or mixed"
CASES = 30

colab.setup_secrets(models=GENERATOR)
quote(GENERATOR, drafting(DESCRIPTION, CASES))

# %% [markdown]
# ## 2. The draft

# %%
drafted, given = draft(GENERATOR, DESCRIPTION, CASES)
print(f"prompt: {drafted.prompt}\nchecks: {drafted.checks}\n{len(drafted.cases)} cases, calls: {given.calls}")
for case in drafted.cases[:8]:
    print(f"  {case['expected']:>10}  {case['input']}")

# %% [markdown]
# ## 3. Look at all of it
# Take out what is wrong: by number here, or write the cases to a file and edit that. Nobody else has looked.

# %%
WRONG = set()  # numbers of cases to leave out
kept = [case for number, case in enumerate(drafted.cases) if number not in WRONG]

# %% [markdown]
# ## 4. More of the kind that is missing

# %%
from promptopt import Example
from promptopt.synthetic.growing import grow

seen = [
    Example(id=f"d{number}", inputs={"input": case["input"]}, expected=case["expected"])
    for number, case in enumerate(kept)
]
more, _ = grow(GENERATOR, drafted.description, seen, 20, "mixed reviews: praise and blame in one")
counts = {}
for case in [*kept, *more]:
    counts[case["expected"]] = counts.get(case["expected"], 0) + 1
print(f"{len(more)} more; now {counts}")

# %% [markdown]
# ## 5. A first search on them

# %%
cases = [{"input": case["input"], "expected": case["expected"]} for case in [*kept, *more]]
run = promptopt.start(
    dataset=cases,
    task=drafted.description,
    prompt=drafted.prompt,
    checks=drafted.checks,
    models=MODELS,
    budget=BUDGET,
    optimizer={"name": "refine", "max_iterations": 3},
    name="synthetic",
)

# %%
best = run.wait()
best

# %%
figures = run.summary()
found = figures["comparison"]
label = "SIMULATED, and on made-up cases: " if figures["simulated"] else "on made-up cases: "
print(label + (found["verdict"] if found else figures["test_note"] or "no better prompt was found"))
