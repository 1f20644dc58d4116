# Executive Demo: in five minutes: the question, the search, the answer and how sure it is
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Executive Demo
# For an audience that decides. Three statements, each with what it rests on: how good today's prompt is,
# how good the best one found is, and how sure that is on cases that took no part in the search.
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
# ## 1. Today
# Messages of customers, to be put into one of four queues, by the prompt *"Sort this ticket."*

# %%
from promptopt.examples import demo_dir

PROJECT = demo_dir() / "project.toml"
run = promptopt.start(
    PROJECT,
    models=MODELS,
    budget=BUDGET,
    optimizer={"name": "refine", "max_iterations": 6},
    name="executive demo",
)

# %% [markdown]
# The view above is live, and can be paused. A budget is set and never crossed.

# %%
best = run.wait()

# %% [markdown]
# ## 2. The answer


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

# %%
figures = run.summary()
for label, which in (("today", "seed"), ("best found", "best")):
    score = figures[which]["test"]
    if score:
        print(
            f"{label:<11} {score['score']:.0%} right, 95 % interval {score['low']:.0%} to {score['high']:.0%}"
            + (", simulated" if figures["simulated"] else "")
        )
cost = "unknown" if figures["cost_usd"] is None else f"${figures['cost_usd']:.2f}"
print(f"cost: {figures['calls']:,} calls, {cost}" + (", simulated" if figures["simulated"] else ""))

# %% [markdown]
# ## 3. A picture

# %%
from io import BytesIO

from IPython.display import Image, display

from promptopt.domain.errors import PromptoptError
from promptopt.notebook.starting import store
from promptopt.reporting.drawing import board_of_runs

_, entries = board_of_runs(store(), [run.row])
picture = BytesIO()
try:
    promptopt.ResultsDashboard().plot_learning_curves(entries).savefig(picture, format="png", dpi=110)
    display(Image(picture.getvalue(), alt="learning curve: the best validation score by calls spent"))
except PromptoptError as error:  # without matplotlib
    print(error)

# %% [markdown]
# ## 4. Is it worth it?
# A range, under stated assumptions; `promptopt poc run` does all of this from a scenario, with cases that are
# made up for your company and several optimizers.

# %%
from promptopt.enterprise import EnterpriseROICalculator, TeamDeploymentManager

business_case = EnterpriseROICalculator("customer_support").calculate_comprehensive_roi(run.id)
print(business_case.headline)
print("ROI, first year:", business_case.annual_roi)

plan = TeamDeploymentManager(teams=["support"]).create_rollout_plan({"Sorting tickets": best})
for decision in plan.decisions:
    print(decision.headline, *decision.why, sep="\n· ")

# %% [markdown]
# ## 5. What this does not say
# Nothing about other cases than those of this kind, nothing about a model that changes behind its name; and
# what is labelled as simulated says nothing about any real model.
#
# ## 6. To take away

# %%
colab.create_shareable_results(run)

# %%
colab.create_shareable_executive_dashboard(business_case, plan)
