"""The tree of commands. Nothing but names and one-line helps here: ``--help`` stays fast."""

from cyclopts import App, Parameter

_EPILOGUE = """\
Exit status: 0 the run ended in order (finished, stopped, out of budget), or the command did its work. \
1 the run failed or its worker died, an evaluation gave no score, or doctor found a fault. \
2 bad input or usage: nothing was started. \
130 you left with Ctrl-C; the run goes on."""


def _version() -> str:
    import promptopt

    return promptopt.__version__


app = App(
    name="promptopt",
    help="Watch a prompt get better: measured prompt optimization inside a hard budget.\n\n"
    "Without a command it opens the terminal UI. To see it work, with no key and at no cost: promptopt demo",
    help_epilogue=_EPILOGUE,
    help_format="plaintext",
    version=_version,
    default_parameter=Parameter(negative=()),
    result_action="return_value",
)

_COMMANDS = (
    ("demo", "running:demo", "Start", "Run the built-in demo: simulated models, no key, no cost."),
    ("new", "creating:new", "Start", "Make a project, from a template or from a file of your cases."),
    ("run", "running:run", "Start", "Start an optimization run of a project and follow it."),
    ("eval", "evaluating:evaluate", "Start", "Score one prompt on a split of a project's cases."),
    ("attach", "running:attach", "A run", "Follow a run that goes on elsewhere."),
    ("show", "listing:show", "A run", "Show where a run stands, or how it ended."),
    ("pause", "steering:pause", "A run", "Pause a run: no new call starts."),
    ("resume", "running:resume", "A run", "Let a paused, stopped or dead run go on; nothing is paid twice."),
    ("stop", "steering:stop", "A run", "End a run in order, or at once."),
    ("edit", "steering:edit", "A run", "Rewrite the prompt of a run while it runs."),
    ("export", "exporting:export", "A run", "Write out the scored prompt, byte for byte."),
    ("projects", "listing:projects", "Look", "List your projects."),
    ("runs", "listing:runs", "Look", "List runs, newest first."),
    ("doctor", "doctor:doctor", "Look", "Check the installation and a project; spends nothing."),
)

for _place, (_name, _target, _group, _help) in enumerate(_COMMANDS):
    app.command(
        f"promptopt.cli.{_target}",
        name=_name,
        group=_group,
        help=_help,
        sort_key=_place,
        help_format="plaintext",
    )
