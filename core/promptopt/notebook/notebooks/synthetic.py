# Synthetic Data Generation: cases that a model makes up for a scenario, looked at before they are used
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Synthetic Data Generation
# No cases yet? A model makes some up for a scenario and your company, you look at them, and a search can
# begin. A score on made-up cases tells how a prompt does on made-up cases: replace them by real ones as soon
# as you have any.
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
# Who makes cases up, and who says how real they seem; such as {"generator": "openai/gpt-4.1"}.
MAKERS = {
    "generator": {"model": "sim/generator", "latency": 0},
    "judge": {"model": "sim/judge", "latency": 0},
}
BUDGET = {"usd": 2.0, "calls": 4000}  # never crossed

# Keys come from the environment, Colab's secrets or a hidden prompt. None is stored here.
colab = promptopt.ColabManager()
colab.setup_secrets(models=MODELS)
colab.setup_secrets(models=MAKERS)

# %% [markdown]
# ## 1. Who it is for
# A form, or questions where there are no widgets. `company.yaml` keeps the answers. If nobody is there to be
# asked, a made-up company is taken, and that is said.

# %%
company = colab.create_business_context_wizard(path="company.yaml")

# %% [markdown]
# ## 2. The cases
# Scenario, what the cases cover, how many: what it takes at most is told before anything is sent. You look
# at the first ones while it waits, take out and mend, and it goes on from there. If nobody is there, only
# the simulator makes them, or a model within `budget=…`.

# %%
from promptopt.data import InteractiveSyntheticWizard

wizard = InteractiveSyntheticWizard(MAKERS, company_context=company)
made = wizard.run_scenario_builder("customer_support", count=60)

# %% [markdown]
# ## 3. Look at more of them
# Each with what it was made for. `promptopt data review RUN` in a terminal leads through all of them; what
# is decided there holds here, after `promptopt.data.generated_dataset(run)`.

# %%
for case in made.train[:3]:
    print(f"{case.id}  {', '.join(case.tags)}\n{case.input_text}\n")
{finding.kind: finding.text for finding in made.report.findings} or "nothing odd was found"

# %% [markdown]
# ## 4. A first search on them
# With the scenario's own checks: rules that every reply must keep, and labels that it must state. Without
# a scenario that fits, `promptopt draft "what is wanted"` drafts task, checks and cases.

# %%
project = made.save_project(f"support {made.run_id}")
run = promptopt.start(
    project,
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
