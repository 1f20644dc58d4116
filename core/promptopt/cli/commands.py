"""The commands of the command line: names, groups, help and examples, and where their functions are."""

from typing import NamedTuple

from cyclopts import Group

START = Group("Start", sort_key=1)
STEER = Group("A run (RUN is its id, a part of it, or: latest)", sort_key=2)
LOOK = Group("Look", sort_key=3)
HELP = Group("This program", sort_key=4)


class Command(NamedTuple):
    """A command: its name, where its function is, its place in the help, what it does, and examples."""

    name: str
    target: str
    group: Group
    help: str
    examples: tuple[str, ...]


COMMANDS = (
    Command(
        "demo",
        "running:demo",
        START,
        "Run the built-in demo: simulated models, no key, no cost.",
        ("demo", "demo --headless --fast", "demo --headless --json | tail -1"),
    ),
    Command(
        "new",
        "creating:new",
        START,
        "Make a project, from a template, an example or a file of your cases.",
        (
            "new triage",
            "new triage --from cases.csv --input message --expected queue",
            "new --example sentiment",
            "new triage --from promptfooconfig.yaml",
        ),
    ),
    Command(
        "draft",
        "drafting:draft",
        START,
        "Have a model draft a task from a description, for you to confirm.",
        (
            'draft "label a support message as low, normal or urgent" --quote',
            'draft "is this review positive or negative?" --model sim/generator --save reviews',
        ),
    ),
    Command(
        "grow",
        "drafting:grow",
        START,
        "Have a model make up more cases like a project's, for you to confirm.",
        ("grow triage --count 20 --quote", "grow triage --wish 'angry customers' --json | jq -c '.cases[]'"),
    ),
    Command(
        "run",
        "running:run",
        START,
        "Start an optimization run of a project and follow it.",
        (
            "run triage",
            "run triage --simulate",
            "run ./project.toml --headless --usd 2.50",
            "run triage --detach",
        ),
    ),
    Command(
        "eval",
        "evaluating:evaluate",
        START,
        "Score one prompt on a split of a project's cases.",
        ("eval triage", "eval triage --prompt new.txt --split validation --json"),
    ),
    Command(
        "check",
        "checking:check",
        START,
        "Whether a project can run, and what personal data it would send; or judge one output.",
        ("check triage", "check triage --output urgent", "check triage --case t004 --output - < answer.txt"),
    ),
    Command(
        "estimate",
        "estimating:estimate",
        START,
        "Forecast a run's calls, cost and time, and which cap ends it first; sends nothing.",
        ("estimate triage", "estimate triage --max-iterations 5 --json | jq .cost_usd.high"),
    ),
    Command(
        "tournament",
        "tournaments:tournament",
        START,
        "Let prompts play each other, judged by the metric, by judge models, or both.",
        (
            "tournament latest",
            "tournament latest seed best new.txt --judging judges --judge openai/gpt-4o-mini",
            "tournament triage a.txt b.txt c.txt --format duels",
        ),
    ),
    Command(
        "notebook",
        "notebooks:notebook",
        START,
        "Write a Jupyter notebook to start from, or list them.",
        ("notebook", "notebook poc", "notebook roi --output notebooks"),
    ),
    Command(
        "trust",
        "trusting:trust",
        START,
        "Show what a project of others would run or send, and trust exactly that.",
        ("trust ./downloaded", "trust triage --show"),
    ),
    Command(
        "attach",
        "running:attach",
        STEER,
        "Follow a run that goes on elsewhere.",
        ("attach latest", "attach latest --json | jq .kind"),
    ),
    Command(
        "show",
        "listing:show",
        STEER,
        "Show where a run stands, or how it ended.",
        (
            "show latest",
            "show latest --cases",
            "show latest --markdown > report.md",
            "show latest --json | jq .comparison.verdict",
        ),
    ),
    Command(
        "trace",
        "tracing:trace",
        STEER,
        "List a run's model calls, with what was sent and answered.",
        (
            "trace latest",
            "trace latest --status failed --full",
            "trace latest --case t004 --json | jq .answer",
        ),
    ),
    Command(
        "pause",
        "steering:pause",
        STEER,
        "Pause a run: no new call starts.",
        ("pause latest", 'pause latest --reason "the judge is odd"'),
    ),
    Command(
        "step",
        "steering:step",
        STEER,
        "Let a run go on until its next iteration begins, and pause there.",
        ("step latest",),
    ),
    Command(
        "resume",
        "running:resume",
        STEER,
        "Let a paused, stopped or dead run go on; nothing is paid twice.",
        ("resume latest", "resume latest --detach"),
    ),
    Command(
        "stop",
        "steering:stop",
        STEER,
        "End a run in order, or at once.",
        ("stop latest", "stop latest --after-iteration", "stop latest --now"),
    ),
    Command(
        "edit",
        "steering:edit",
        STEER,
        "Rewrite the prompt of a run while it runs.",
        ("edit latest", "edit latest --file better.txt --if-not-worse", "edit latest --file - < better.txt"),
    ),
    Command(
        "inject",
        "steering:inject",
        STEER,
        "Put a prompt of yours in the running, beside the search.",
        ("inject latest --file mine.txt", "inject latest", 'inject latest --text "…" --reason "an idea"'),
    ),
    Command(
        "guide",
        "guiding:guide",
        STEER,
        "Ask something of the optimizer's proposals: a note, a text to keep or to avoid.",
        (
            'guide latest --note "shorter, and warmer in tone"',
            'guide latest --keep "Answer in English."',
            'guide latest --avoid "As an AI"',
            "guide latest --withdraw 7",
        ),
    ),
    Command(
        "approve",
        "guiding:approve",
        STEER,
        "Let proposals wait for your consent, and give it or not.",
        (
            "approve latest --on",
            "approve latest",
            "approve latest --accept first",
            'approve latest --reject 3fa2 --reason "too long"',
        ),
    ),
    Command(
        "model",
        "modelling:model",
        STEER,
        "Let another model answer in a role of a run, or start a new run with it.",
        (
            "model latest optimizer model=anthropic/claude-opus-4-5",
            "model latest target model=openai/gpt-4o-mini --new-run",
        ),
    ),
    Command(
        "mend",
        "mending:mend",
        STEER,
        "Put a case's expectation right, or drop it, while a run goes on.",
        ('mend latest t014 --expected billing --reason "mislabelled"', "mend latest t020 --drop"),
    ),
    Command(
        "limit",
        "limiting:limit",
        STEER,
        "Change a run's caps, and its calls at once, while it runs.",
        ("limit latest usd=10", "limit latest calls=none minutes=30", "limit latest target_concurrency=4"),
    ),
    Command(
        "export",
        "exporting:export",
        STEER,
        "Write out the scored prompt, byte for byte.",
        (
            "export latest",
            "export latest --format text --output prompt.txt",
            "export latest --format langchain --output langchain_prompt.py",
        ),
    ),
    Command(
        "deploy",
        "deploying:deploy",
        STEER,
        "Write a package for a team: prompt, templates, training, figures, roll-out plan, monitoring.",
        (
            "deploy latest --team support --team sales --zip",
            "deploy 261125-3b78ec --title 'Support replies' --start 2026-12-01 --out package",
            "deploy latest --company examples/acme.yaml --json | jq .advice",
        ),
    ),
    Command(
        "monitor",
        "monitoring:monitor",
        STEER,
        "Score a deployed prompt on fresh cases: does its test figure hold?\n\n"
        "Exit status, for schedulers: 0 it holds; 1 it has fallen; 2 can't tell (too few cases); 3 nothing "
        "was measured; 4 the model answers no call any more; 10 more if the webhook could not be told.",
        (
            "monitor latest --cases fresh.csv",
            "monitor d261125-3b78ec --cases fresh.csv --max-usd 0.50 --json | jq .verdict",
            "monitor latest --history --html dashboard.html",
        ),
    ),
    Command(
        "rescore",
        "rescoring:rescore",
        STEER,
        "Score an exported prompt again: does its figure hold?",
        (
            "rescore latest",
            "rescore prompt.json",
            "rescore prompt.txt --run 261125-3b78ec --json | jq .holds",
        ),
    ),
    Command(
        "compare",
        "comparing:compare",
        LOOK,
        "Compare prompts on the cases that were scored; sends nothing.",
        (
            "compare latest:seed latest",
            "compare latest new.txt --split all --diff",
            "compare latest:seed latest:#1 latest:#2 --json | jq '.comparisons[].verdict'",
        ),
    ),
    Command(
        "plot",
        "plotting:plot",
        LOOK,
        "Draw runs or an experiment: scores, learning curves, cost, tournaments.",
        ("plot latest", "plot 261125-3b78ec 261125-9c5a41 --format svg --output pictures"),
    ),
    Command(
        "report",
        "reporting:report",
        LOOK,
        "Write the business case of a run or an experiment: ranges, with the source of every figure.",
        (
            "report latest --scenario customer_support",
            "report latest --set hourly_cost=40..60 --set requests_per_month=8000 --format html,pptx,xlsx",
            "report x261125-9c5a41 --assumptions ours.toml --out board --json | jq .annual_roi",
        ),
    ),
    Command(
        "experiment",
        "",
        LOOK,
        "Run optimizers side by side on datasets and seeds, under one budget, and tell what is better.",
        ("experiment run experiment.yaml", "experiment run examples --simulate", "experiment show latest"),
    ),
    Command(
        "consistency",
        "agreeing:consistency",
        START,
        "Measure whether a prompt answers the same task alike, however it is put.",
        (
            "consistency triage --phrasings 4 --max-usd 1",
            "consistency triage --prompt new.txt --phrasings 1 --repeats 5 --simulate",
            "consistency --run latest --split test --json | jq .agreement",
        ),
    ),
    Command(
        "benchmark",
        "",
        START,
        "Run optimizers on benchmarks that come with the package, under one budget.",
        ("benchmark business --list", "benchmark business --benchmark customer_support --optimizer refine"),
    ),
    Command(
        "adoption",
        "adopting:adoption",
        LOOK,
        "Tell who uses a deployed prompt, from a usage log; write the report of a month.",
        (
            "adoption usage.csv --team-size 12",
            "adoption usage.jsonl --deployment latest --team-size support=8 --json | jq .overall.rate",
            "adoption usage.csv --deployment latest --month 2026-11 --out reports",
        ),
    ),
    Command(
        "deployments",
        "deploying:deployments",
        LOOK,
        "List the prompts that were deployed, and what monitoring last said of each.",
        ("deployments", "deployments --json | jq '.[].verdict'"),
    ),
    Command(
        "poc",
        "",
        START,
        "Go from a scenario to a business case and a package for the team, under one budget.",
        (
            "poc run --scenario customer_support --company examples/acme.yaml",
            "poc estimate --scenario internal_email --model openai/gpt-4o-mini --max-usd 50",
            "poc show latest",
        ),
    ),
    Command(
        "optimizers",
        "optimizers:optimizers",
        LOOK,
        "List the optimizers, or the settings of one.",
        ("optimizers", "optimizers refine", "optimizers --json | jq '.[].name'"),
    ),
    Command("projects", "listing:projects", LOOK, "List your projects.", ("projects", "projects --json")),
    Command(
        "runs", "listing:runs", LOOK, "List runs, newest first.", ("runs", "runs --project triage --json")
    ),
    Command(
        "archive",
        "putting_away:archive",
        LOOK,
        "Leave a run or a project out of lists; nothing else changes.",
        ("archive run 3b78ec", "archive project triage --undo"),
    ),
    Command(
        "delete",
        "putting_away:delete",
        LOOK,
        "Delete a run or a project; it can be restored for a while.",
        ("delete run 3b78ec", "delete project triage --yes"),
    ),
    Command(
        "restore",
        "putting_away:restore",
        LOOK,
        "Take a deleted run or project back.",
        ("restore run 3b78ec", "restore project triage"),
    ),
    Command(
        "purge",
        "putting_away:purge",
        LOOK,
        "Remove inputs, prompts and answers of old runs for good; scores stay.",
        ("purge --dry-run", "purge --older-than 90 --project triage --yes"),
    ),
    Command(
        "audit",
        "auditing:audit",
        LOOK,
        "Show who sent what to which model, without any text; check that nobody changed that.",
        ("audit --run latest", "audit --verify", "audit --json | jq 'select(.what == \"sent\") | .host'"),
    ),
    Command(
        "data",
        "",
        LOOK,
        "Have a model make cases up, review them, measure any cases, tell their splits.",
        (
            "data generate customer_support --company examples/acme.yaml --count 200 --simulate",
            "data validate cases.csv",
            "data review latest",
        ),
    ),
    Command(
        "doctor",
        "doctor:doctor",
        LOOK,
        "Check the installation and a project; spends nothing.",
        ("doctor", "doctor triage"),
    ),
)
