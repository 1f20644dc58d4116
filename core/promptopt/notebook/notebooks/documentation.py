# Technical Documentation: lines of a change log, each under its heading
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Technical Documentation
# What developers write in a hurry becomes documentation that others rely on. The first step is to put each
# change under the right heading; a wrong one hides a security fix from those who look for it.
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
# A line that a developer wrote, and the heading of the change log that it belongs to. Security fixes must
# not be lost: those that pass today may not fail tomorrow (`must_pass`).

# %%
LINES = {
    "Added": (
        "export can now write Parquet",
        "new flag --quiet for the importer",
        "users may pick a colour theme",
        "support for Python 3.13",
        "first version of the French translation",
        "a button that copies the link",
        "the API tells how many pages there are",
    ),
    "Changed": (
        "the default timeout is 30 s, was 10 s",
        "config is read from config.toml before the environment",
        "logs are in UTC from now on",
        "search ranks titles higher than bodies",
        "renamed the option size to max-size, the old name still works",
        "thumbnails are WebP in place of PNG",
        "retry waits twice as long each time",
    ),
    "Fixed": (
        "no crash any more when the list is empty",
        "dates before 1970 are sorted right",
        "umlauts in file names survive the upload",
        "the progress bar reaches 100 % again",
        "memory no longer grows with each reload",
        "a second click does not send the form twice",
        "totals were rounded down, now to the nearest cent",
    ),
    "Removed": (
        "dropped Python 3.9",
        "the old XML interface is gone, use JSON",
        "no more support for 32-bit builds",
        "deleted the command sync-all, deprecated since 2.0",
        "the legacy theme does not ship any more",
        "took out the undocumented debug endpoint of 1.x that nobody used",
        "option fast has gone: it had no effect since 3.1",
    ),
    "Security": (
        "session cookies could be read by scripts, they are HttpOnly now",
        "a crafted archive could write outside its folder",
        "passwords showed up in the debug log",
        "updated the TLS library because of a published weakness",
        "the admin page checked no token on POST",
        "links in comments could run scripts in the reader's page",
        "reset links stay valid for 15 minutes in place of forever, as they could be replayed",
    ),
}
CASES = [
    {"line": line, "heading": heading, "must_pass": heading == "Security"}
    for heading, lines in LINES.items()
    for line in lines
]

# %% [markdown]
# ## 2. The search

# %%
run = promptopt.start(
    dataset=CASES,
    task="Put a line of a change log under Added, Changed, Fixed, Removed or Security. One word.",
    prompt="Which heading does this change belong to?",
    checks="exact",
    models=MODELS,
    budget=BUDGET,
    optimizer={"name": "refine", "max_iterations": 4},
    data={"input": "line", "expected": "heading", "split": [0.4, 0.3, 0.3]},
    name="documentation",
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

# %%
broken = run.summary()["must_pass_broken"]
print(f"sealed cases that must pass and that it breaks: {', '.join(broken) or 'none'}")

# %% [markdown]
# ## 3. Into a program
# The prompt as it was scored, byte for byte: `promptopt export latest --format python`, or here:

# %%
for message in best.render(promptopt.Example(id="new", inputs={"line": "faster start"})):
    print(f"{message.role}: {message.content}")
