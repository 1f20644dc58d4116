# Content Creation: short texts with limits, and facts that they must not lose
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Content Creation
# No check can say whether a text is good, but several can say what makes it bad: too long, too many
# sentences, a fact lost, the wrong tone. And people can ask for what no check looks at.
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
# ## 1. The cases
# Notices of a town, to become alerts of one sentence. Each case names the facts that must be in it.

# %%
from promptopt.examples import example_dir
from promptopt.store.casefiles import load_dataset
from promptopt.store.projects import load_project

PROJECT = example_dir("notices") / "project.toml"
settings = load_project(PROJECT).settings
data = load_dataset(settings, PROJECT.parent).dataset
for case in data.train[:2]:
    print(f"{case.input_text}\n--> {case.expected}\n    must have: {case.checks}\n")

# %% [markdown]
# ## 2. The search, with a wish
# A note goes to the optimizer with each proposal that it makes from then on.

# %%
run = promptopt.start(
    PROJECT, models=MODELS, budget=BUDGET, optimizer={"name": "refine", "max_iterations": 4}, name="content"
)
print(run.guide("say what people have to do before you say why", reason="they read the first words only"))

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
# ## 3. What changed in the prompt

# %%
with run.reading() as state:
    first = state.candidates[state.seed_id].text
promptopt.diff(first, best.text)

# %% [markdown]
# ## 4. Texts to read

# %%
read = promptopt.evaluate(best, list(data.validation[:3]), models=MODELS["target"], project=PROJECT)
simulated = ", simulated" if run.summary()["simulated"] else ""
for case, result in zip(data.validation, read.results, strict=False):
    print(f"{case.input_text}\n--> {result.output}\n    score {result.score:.2f}{simulated}\n")
