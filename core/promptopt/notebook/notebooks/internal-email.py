# Internal E-mail: what a message asks of its reader, so that a program can sort it
# pyright: basic, reportUnusedExpression=false

# %% [markdown]
# # Internal E-mail
# Labels that a program acts on: exactly one word, always one of four. The cases stand in the notebook, so
# that yours can take their place: a list, a data frame, or the path of a file.
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
# Each a message and what it asks for: `approve` something, `attend` a meeting, `answer` a question, or
# `read` only.

# %%
MESSAGES = {
    "approve": (
        "Please sign off my leave from 3 to 7 June.",
        "The invoice of the caterer, 840 euros, needs your OK before Friday.",
        "I would like to order two monitors for the new desks. Is that fine with you?",
        "Travel request for the fair in Lyon is in the tool, waiting for you.",
        "Could you release the budget for the workshop? Details are in the sheet.",
        "The contract with the cleaning firm is ready; it only lacks your signature.",
        "Anna wants to move to four days a week from August. Your consent is needed.",
        "Before we publish the job ad, please give it your go-ahead.",
    ),
    "attend": (
        "Team meeting is moved to Thursday, 10 am, room Oak. See you there.",
        "You are invited to the fire drill briefing on Monday at 9.",
        "Let us sit together on the roadmap tomorrow after lunch, half an hour.",
        "The works council meets on the 12th at 2 pm and asks you to join for item 3.",
        "Kick-off of the archive project: Tuesday at 11, online, link below.",
        "Your yearly talk with Ines is set for 4 May at 15:30.",
        "Safety training is due. Your group has the slot on Wednesday at 8.",
        "Please come to the demo of the new phone system, Friday noon, canteen.",
    ),
    "answer": (
        "Do you know who has the key of the sample room?",
        "Which cost centre do we use for the translation?",
        "Have the drawings for the second floor been sent to the architect?",
        "Quick one: how many people will come from your side to the summer party?",
        "Is the old printer on your floor still in use?",
        "What was the name of the supplier with the blue crates?",
        "Can customers pay by card at the fair, or only cash?",
        "When does your parental leave start, so that I can plan the shifts?",
    ),
    "read": (
        "The canteen is closed on Friday because of the holiday.",
        "For your information: the new price list is on the drive.",
        "The network will be slow tonight between 10 and 11 pm, for maintenance.",
        "Thanks to all who helped with the move. It went very well.",
        "Minutes of yesterday's meeting are attached.",
        "Please note that the side entrance stays locked after 7 pm from now on.",
        "We welcome Tomas, who joins accounting today.",
        "Results of the staff survey: 81 percent took part, charts are enclosed.",
    ),
}
CASES = [{"message": text, "asks_for": label} for label, texts in MESSAGES.items() for text in texts]

# %% [markdown]
# ## 2. The search

# %%
run = promptopt.start(
    dataset=CASES,
    task="Say what an internal e-mail asks of its reader: approve, attend, answer or read. One word.",
    prompt="What should be done with this e-mail?",
    checks="exact",
    models=MODELS,
    budget=BUDGET,
    optimizer={"name": "refine", "max_iterations": 4},
    data={"input": "message", "expected": "asks_for", "split": [0.4, 0.3, 0.3]},
    name="internal e-mail",
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
# With so few sealed cases only a large gain can be shown: see how wide the interval is before you believe
# its middle.
#
# ## 3. What it takes over
# Messages that it has not seen.

# %%
NEW = [
    {"message": "Please confirm that we may renew the parking permits.", "asks_for": "approve"},
    {"message": "Who may I ask about the alarm code?", "asks_for": "answer"},
]
tried = promptopt.evaluate(best, NEW)
simulated = " (simulated)" if run.summary()["simulated"] else ""
for case, result in zip(NEW, tried.results, strict=True):
    print(f"{result.output!r:>12} for {case['message']}{simulated}")
