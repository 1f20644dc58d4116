# Enterprise POC: one task, and a criterion that is set before anything is measured
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Enterprise POC
# Is a better prompt worth having for your task? This notebook asks that in an order that can't fool you: the
# criterion first, then the measure of today's prompt, then the search, then one look at cases that nobody
# has seen.
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
# ## 1. The task
# The example routes citizens' reports to departments. For your own: a project of yours, by name or path
# (`promptopt new NAME --from cases.csv` makes one of a file of cases).

# %%
from promptopt.examples import example_dir

PROJECT = example_dir("routing") / "project.toml"
print(PROJECT.read_text(encoding="utf-8")[:1200])

# %% [markdown]
# ## 2. The criterion
# Set now, and not changed later. The whole interval must lie above it, not only the mean.

# %%
LEAST_GAIN = 0.05  # share of the score, on cases that took no part in the search

# %% [markdown]
# ## 3. The search
# It runs in a process of its own: the view below stays up to date, and `promptopt attach latest` in a
# terminal shows the same run. If this cell is carried out again, the run is shown again, and nothing is paid
# twice.

# %%
run = promptopt.start(
    PROJECT, models=MODELS, budget=BUDGET, optimizer={"name": "refine", "max_iterations": 5}
)

# %%
best = run.wait()
best

# %% [markdown]
# ## 4. The answer

# %%
figures = run.summary()
label = "SIMULATED: " if figures["simulated"] else ""
found = figures["comparison"]
if found is None:
    answer = f"no: {figures['test_note'] or 'no better prompt was found'}"
else:
    low, high = found["interval"]
    gain = f"{found['difference']:+.1%} [{low:+.1%}, {high:+.1%}], {found['n']} sealed cases"
    met = "yes" if low > LEAST_GAIN else "no" if high < LEAST_GAIN else "not shown either way"
    answer = f"{met}: {gain}, against a criterion of {LEAST_GAIN:+.1%}"
print(f"{label}is the criterion met? {answer}")
if found:
    print(f"{label}cases fixed: {len(found['fixed'])}, broken: {len(found['broken'])}")
cost = "unknown" if figures["cost_usd"] is None else f"${figures['cost_usd']:.2f}"
print(f"{label}it took {figures['calls']:,} calls and {figures['tokens']:,} tokens, cost {cost}")

# %% [markdown]
# ## 5. To pass on
# One file with verdict, prompt, what changed, course and costs; it loads nothing from anywhere.

# %%
colab.create_shareable_results(run)
