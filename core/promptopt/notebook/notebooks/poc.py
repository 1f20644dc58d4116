# Enterprise POC: from a scenario to a business case, under one budget, its criterion set beforehand
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Enterprise POC
# Is a better prompt worth having for your team? This notebook goes from nothing but a scenario to a
# recommendation: cases are made up, optimizers are compared at equal shares of one budget, the verdict rests
# on cases that nobody has seen, and every figure says where it comes from.
#
# It runs as it is, from top to bottom, on the built-in simulator: no key, no cost. **Simulated figures say
# nothing about a real model**; they show how the work goes. For a real model put its name into `MODELS`.

# %%
import promptopt

# For real models: MODELS = {"target": "openai/gpt-4o-mini", "optimizer": "openai/gpt-4.1"}
MODELS = {
    "target": {"model": "sim/target", "latency": 0},
    "optimizer": {"model": "sim/optimizer", "latency": 0},
    "generator": {"model": "sim/generator", "latency": 0},
    "judge": {"model": "sim/judge", "latency": 0},
}
BUDGET = {"usd": 20.0, "calls": 6000}  # of all stages together; never crossed
SCENARIO = "customer_support"  # or internal_email, content_creation, technical_documentation
COUNT = 40  # cases; 200 and more for a real decision
LEAST_GAIN = 0.02  # the criterion, set now: the whole interval of the gain must lie above it

# Keys come from the environment, Colab's secrets or a hidden prompt. None is stored here.
colab = promptopt.ColabManager()
colab.setup_secrets(models=MODELS)

# %% [markdown]
# ## 1. Who you are
# A form where somebody is there to fill it in; else a company that comes with the package.

# %%
business_context = colab.create_business_context_wizard()

# %% [markdown]
# ## 2. Cases
# Made up for this company over a grid of persons, difficulties and situations, and measured. Cases of your
# own are better, if you have some: `cases=` of the next step takes a `Dataset`.

# %%
from promptopt.enterprise import EnterprisePOC

poc = EnterprisePOC(MODELS, budget=BUDGET)
cases = poc.generate_realistic_scenarios(SCENARIO, business_context, COUNT)
print(f"quality: {cases.quality_score:.1f} of 10{' (simulated)' if cases.simulated else ''}")
for case in cases.train[:2]:
    print("·", case.input_text[:300])

# %% [markdown]
# ## 3. Everything else
# Interrupted, killed or carried out again it goes on where it was, and nothing is paid twice. In a terminal:
# `promptopt poc show latest`.

# %%
results = poc.run_complete_poc(
    SCENARIO, business_context, optimizers=["refine", "grpo"], least_gain=LEAST_GAIN, out="poc"
)
results

# %%
for one in results.optimization_improvements:
    print(one)
print("runs:", *(results.evidence.run_ids if results.evidence else ()))

# %% [markdown]
# ## 4. Worth it?
# A range, under assumptions that you see and can change: they are in `poc/business-case.html`, and as cells
# to fill in in `business-case.xlsx`.

# %%
business_case = poc.create_executive_summary(results)
print(business_case.headline)
print("ROI, first year:", business_case.annual_roi)

# %% [markdown]
# ## 5. For the team
# The plan says who gets it when, and which figure stops it; or that nothing is to be rolled out, and why.

# %%
deployment_plan = poc.create_team_rollout_strategy(results)
for decision in deployment_plan.decisions:
    print(decision.headline, *decision.why, sep="\n· ")

# %%
poc.create_deployment_package(results.best_prompts)

# %% [markdown]
# ## 6. To pass on
# One file that loads nothing from anywhere.

# %%
colab.create_shareable_executive_dashboard(business_case, deployment_plan)
