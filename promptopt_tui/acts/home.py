"""Everywhere, and in the lists of projects and runs."""

from promptopt_tui.acts.action import Action

HOME: tuple[Action, ...] = (
    Action("anywhere.help", ("question_mark", "f1"), "help", "Show every key.", 90),
    Action("anywhere.palette", ("ctrl+p", "colon"), "commands", "Find a command by name.", 91, palette=False),
    Action(
        "anywhere.jump", ("ctrl+o",), "jump", "Put a letter on every panel and field; the letter goes there."
    ),
    Action("anywhere.theme", ("t",), "theme", "Go on to the next colour theme; the choice is kept."),
    Action(
        "anywhere.interrupt", ("ctrl+c",), "quit", "Twice: quit. A run goes on without you.", palette=False
    ),
    Action(
        "home.open",
        ("enter",),
        "open",
        "Open the selected run or proof of concept, or the selected project to edit it.",
        1,
    ),
    Action("home.start", ("r",), "run", "Start a run of the selected project.", 2),
    Action(
        "home.new",
        ("n",),
        "new",
        "Make a project: of an example, a file of cases, a description, or a small template.",
        3,
    ),
    Action(
        "home.generate",
        ("m",),
        "make up",
        "Have a model make cases up for a scenario; what it may cost is told first.",
        4,
    ),
    Action(
        "home.prove",
        ("P",),
        "proof",
        "Start a proof of concept, from a scenario to a business case; what it takes is told first.",
        4,
    ),
    Action("home.demo", ("d",), "demo", "Start the built-in demo: simulated models, no key, no cost.", 4),
    Action(
        "home.resume",
        ("R",),
        "resume",
        "Resume the selected run if its worker died or it ended early, before its sealed test.",
        6,
    ),
    Action("home.search", ("slash",), "search", "Show only the projects and runs that contain a text.", 5),
    Action("home.only", ("p",), "its runs", "Show only the runs of the selected project; again: all.", 7),
    Action("home.duplicate", ("c",), "copy", "Copy the selected project under another name.", 8),
    Action(
        "home.archive",
        ("a",),
        "archive",
        "Leave the selected run or project out of the lists; an archived one comes back.",
        9,
    ),
    Action("home.archived", ("A",), "archived", "Show archived runs and projects, too; again: hide them."),
    Action(
        "home.delete",
        ("x", "delete"),
        "delete",
        "Delete the selected run or project; asks first, and it can be taken back.",
        10,
    ),
    Action("home.undo", ("u",), "undo", "Take back what was archived or deleted last.", 11),
    Action("home.clear", ("escape",), "clear", "Show all projects and runs again.", palette=False),
    Action(
        "home.switch",
        ("tab", "shift+tab"),
        "switch",
        "Go between projects, runs and proofs of concept.",
        palette=False,
    ),
    Action("home.copy", ("y",), "copy", "Copy the id of the selected run, or the path of the project."),
    Action("home.compare", ("C",), "compare", "Put the selected run and others side by side."),
    Action(
        "home.deployments", ("D",), "in use", "Show the prompts in use, and whether their figures hold.", 9
    ),
    Action("home.leave", ("q",), "quit", "Quit. Runs go on.", 80),
)
