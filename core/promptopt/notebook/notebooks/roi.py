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
run.wait()
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
# Yours to change; each with a low and a high end. Nothing below uses any other assumption.

# %%
ASSUMED = {
    "cases a month": (8_000, 12_000),
    "minutes that a person needs to put a wrong one right": (3, 8),
    "USD for an hour of that person": (35, 55),
    "share of wrong ones that somebody notices and puts right": (0.6, 0.9),
    "hours of people to set this up": (10, 40),
    "USD that a call costs more, as the better prompt is longer": (0.0, 0.0005),
}

# %% [markdown]
# ## 3. What follows
# The least and the most that all combinations of ends give. The true value lies in between if all hold.


# %%
def product(*ranges):
    """The range of a product: the least and the most of all combinations of ends."""
    ends = [1.0]
    for one in ranges:
        ends = [sofar * end for sofar in ends for end in one]
    return min(ends), max(ends)


hour = ASSUMED["USD for an hour of that person"]
minutes = ASSUMED["minutes that a person needs to put a wrong one right"]
noticed = ASSUMED["share of wrong ones that somebody notices and puts right"]
fewer = product(tuple(gain), ASSUMED["cases a month"], noticed)
hours = product(fewer, minutes, (1 / 60, 1 / 60))
dearer = product(
    ASSUMED["USD that a call costs more, as the better prompt is longer"], ASSUMED["cases a month"]
)
worth = product(hours, hour)
monthly = worth[0] - dearer[1], worth[1] - dearer[0]
once = product(hour, ASSUMED["hours of people to set this up"])
once = tuple(end + (search_usd or 0.0) for end in once)

print(f"{label}fewer corrections a month: {fewer[0]:,.0f} to {fewer[1]:,.0f}")
print(f"{label}hours saved a month:       {hours[0]:,.0f} to {hours[1]:,.0f}")
print(f"{label}worth a month:             ${monthly[0]:,.0f} to ${monthly[1]:,.0f}")
print(
    f"{label}cost once:                 ${once[0]:,.0f} to ${once[1]:,.0f}"
    + (" and the search, whose price is unknown" if search_usd is None else "")
)
if monthly[0] > 0:
    print(
        f"{label}paid back after:           {once[0] / monthly[1]:.1f} to {once[1] / monthly[0]:.1f} months"
    )
else:
    print(f"{label}paid back after:           can't be said: a gain is not shown")

# %% [markdown]
# ## 4. Which assumption matters most
# How wide the range of the hours' monthly worth is because of one of them alone, all others in the middle.


# %%
def middle(ends):
    return sum(ends) / 2


parts = {
    "the measured gain": tuple(gain),
    "cases a month": ASSUMED["cases a month"],
    "share noticed": noticed,
    "minutes": minutes,
    "USD for an hour": hour,
}
for name, ends in parts.items():
    others = [(middle(other),) * 2 for key, other in parts.items() if key != name]
    low, high = product(ends, *others, (1 / 60, 1 / 60))
    print(f"{label}{name:<20} ${low:>10,.0f} to ${high:>10,.0f}")
