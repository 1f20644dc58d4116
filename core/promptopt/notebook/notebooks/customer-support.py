# Customer Support: replies by the rules of a house, checked in every one
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Customer Support
# Free text, in which much can be checked all the same: the length, the greeting, the order's number, the
# rule that a customer has to be told. A reply that promises a discount is worth nothing, whatever else is
# right.
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
# ## 1. The rules of the house
# In the project file they are constraints (for every reply) and checks with tags (for some cases only).

# %%
from promptopt.examples import example_dir
from promptopt.store.projects import load_project

PROJECT = example_dir("support-reply") / "project.toml"
settings = load_project(PROJECT).settings
for rule in settings.task.constraints:
    print(f"in every reply: {rule.name}{' (else it is worth nothing)' if rule.hard else ''}")
for check in settings.checks:
    print(f"where it applies {check.tags or '(everywhere)'}: {check.name or check.type}")

# %% [markdown]
# ## 2. The search

# %%
run = promptopt.start(
    PROJECT,
    models=MODELS,
    budget=BUDGET,
    optimizer={"name": "refine", "max_iterations": 4},
    name="customer support",
)

# %%
best = run.wait()
best


# %%
def told(figures):
    """The verdict of the sealed test, with its interval."""
    label = "SIMULATED: " if figures["simulated"] else ""
    found = figures["comparison"]
    if found is None:
        return f"{label}{figures['test_note'] or 'no better prompt was found'}"
    low, high = found["interval"]
    gain = f"{found['difference']:+.1%} [{low:+.1%}, {high:+.1%}]"
    return f"{label}{found['verdict']}: {gain} on {found['n']} sealed cases, p = {found['p_value']:.3g}"


print(told(run.summary()))

# %% [markdown]
# ## 3. Which rules are still broken
# Categories of the failures that the best prompt has left on the cases that it was chosen on.

# %%
with run.reading() as state:
    winner = state.candidates[state.best_id]
    for name, number in sorted(winner.categories.items(), key=lambda item: -item[1]):
        print(f"{number:3}  {name}")
    print("(simulated)" if state.simulated else "")

# %% [markdown]
# ## 4. Replies to read
# A score is no reply. Read some before anybody sends them.

# %%
from promptopt.store.casefiles import load_dataset

cases = load_dataset(settings, PROJECT.parent).dataset.validation[:3]
read = promptopt.evaluate(best, list(cases), models=MODELS["target"], project=PROJECT)
simulated = ", simulated" if run.summary()["simulated"] else ""
for case, result in zip(cases, read.results, strict=True):
    print(f"{case.inputs['message']}\n--> {result.output}\n    score {result.score:.2f}{simulated}\n")
