# ROI Analysis Dashboard: what a better prompt is worth: a range, from a run and from stated assumptions
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # ROI Analysis Dashboard
# Every figure here is either measured by a run or stated as an assumption in one cell, and every result is a
# range: a single number would claim a certainty that nobody has.
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
# ## 1. What is measured

# %%
from promptopt.examples import demo_dir

PROJECT = demo_dir() / "project.toml"
run = promptopt.start(
    PROJECT, models=MODELS, budget=BUDGET, optimizer={"name": "refine", "max_iterations": 5}, name="roi"
)

# %%
best = run.wait()
figures = run.summary()
found = figures["comparison"]
gain = found["interval"] if found else [0.0, 0.0]  # of the share of cases that are right; 95 % interval
search_usd = figures["cost_usd"]
label = "SIMULATED: " if figures["simulated"] else ""
print(f"{label}gain in cases that are right: {gain[0]:+.1%} to {gain[1]:+.1%}")
print(
    f"{label}the search itself: {figures['calls']:,} calls, "
    + ("cost unknown" if search_usd is None else f"${search_usd:.2f}")
)

# %% [markdown]
# ## 2. What is assumed
# Yours to change: each is a likeliest value with a low and a high end, and says why. What you leave out is a
# placeholder, and is told as one.

# %%
from promptopt.enterprise import Assumptions

assumed = Assumptions.of("customer_support").changed(
    {
        "requests_per_month": "8000..12000",
        "hourly_cost": "35..55",
        "people": "20..40",
        "setup_hours": "10..40",
    }
)
for name in assumed.given:
    one = assumed.quantity(name)
    print(f"{one.label}: {one.low:,g} to {one.high:,g}, likeliest {one.value:,g} {one.unit}")

# %% [markdown]
# ## 3. What follows
# Thousands of draws over all assumptions and over the interval of what was measured. A gain that the sealed
# test does not show counts as none.

# %%
from promptopt.enterprise import EnterpriseROICalculator

business_case = EnterpriseROICalculator(assumed).calculate_comprehensive_roi(run.id)
print(business_case.headline)
for reason in business_case.reasons:
    print("·", reason)
for what, span in (
    ("set-up, once", business_case.setup_costs),
    ("time saved, first year", business_case.time_savings),
    ("errors avoided, first year", business_case.quality_improvements),
    ("model cost saved, first year", business_case.cost_reductions),
    ("ROI, first year", business_case.annual_roi),
    ("paid back after", business_case.payback_period),
):
    print(f"{what}: {span}")

# %% [markdown]
# ## 4. Which assumption matters most
# What each does to the net present value alone, all others at their likeliest, and where it tips over.

# %%
for one in business_case.influences[:6]:
    tips = "" if one.break_even is None else f", tips over at {one.break_even:,.3g} {one.quantity.unit}"
    print(f"{one.quantity.label}: {one.share:.0%} of the spread{tips}")

# %% [markdown]
# ## 5. To pass on
# Markdown, a page and, with `pip install 'promptopt[reports]'`, slides and a workbook whose formulas follow
# the assumptions that you put in. Who gets the prompt when, and which figure stops it, is in them; or that it
# is not to be rolled out, and why.

# %%
from pathlib import Path

from promptopt.domain.errors import PromptoptError
from promptopt.enterprise import TeamDeploymentManager
from promptopt.enterprise.case.documents import FORMATS, write_documents

plan = TeamDeploymentManager(teams=["support"]).create_rollout_plan({"Sorting tickets": best})
for form in FORMATS:
    try:
        print(*write_documents(business_case, Path("business-case"), [form], plan))
    except PromptoptError as error:  # without the packages for slides and workbooks
        print(error)

# %%
colab.create_shareable_executive_dashboard(business_case, plan)
