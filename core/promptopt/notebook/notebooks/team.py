# Team Prompt Optimization: several people steer one run, and it is kept who did what and why
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Team Prompt Optimization
# One run, several people: one says what prompts should be like, another writes one, and the run measures all
# of it alike. What people do is kept with the run.
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
# ## 1. One run for all
# Colleagues on this machine join from a terminal: `promptopt attach latest`. They see the same, and steer
# it.

# %%
from promptopt.examples import demo_dir

PROJECT = demo_dir() / "project.toml"
run = promptopt.start(
    PROJECT, models=MODELS, budget=BUDGET, optimizer={"name": "refine", "max_iterations": 6}, name="team"
)
print(run.pause("so that all can have a look"))

# %% [markdown]
# ## 2. What people bring
# Each is measured on the same cases as what the optimizer proposes. `reason` tells the others why.

# %%
MINE = (
    "Sort the customer's message into one queue: account, billing, shipping or technical. Look at what is "
    "asked for, not at what is only mentioned. Answer in one word, the queue's name."
)
print(run.guide("prefer short prompts", reason="they are read by people, too"))
print(run.guide("please", "avoid", reason="politeness costs tokens"))
print(run.resume())
print(run.inject(MINE, reason="what the support team would write"))

# %%
best = run.wait()
best

# %% [markdown]
# ## 3. Who did what

# %%
with run.reading() as state:
    for deed in state.deeds:
        print(deed.text)
    print()
    for candidate in state.standings()[:5]:
        who = "a person" if candidate.source == "human" else candidate.source
        if score := candidate.validation:
            print(f"{candidate.name:<14} {score.mean:6.1%} [{score.low:.1%}, {score.high:.1%}] by {who}")
    print("(simulated)" if state.simulated else "")

# %% [markdown]
# ## 4. Given to the team
# Texts for ChatGPT, Slack, a reference card and a training guide, made of the prompt, its figures and what
# you say of your company.

# %%
from IPython.display import Markdown, display

company = colab.create_business_context_wizard({"company": "Example Ltd", "tone": "friendly, brief"})
assets = promptopt.create_team_deployment_assets(best, company, title="Ticket routing")
display(Markdown(assets["reference_card"]))
