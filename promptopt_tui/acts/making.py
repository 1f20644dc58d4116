"""Where cases are made up, gone through and kept."""

from promptopt_tui.acts.action import Action

MADE_UP: tuple[Action, ...] = (
    Action("drafts.filter", ("slash",), "filter", "Show only the cases that contain a text.", 10),
    Action("queue.keep", ("space", "k"), "keep", "Keep the case as it is, and go on to the next.", 1),
    Action("queue.edit", ("e",), "edit", "Rewrite its input or its expected output, and keep that.", 2),
    Action("queue.drop", ("d", "x", "delete"), "drop", "Leave the case out, with a reason; go on.", 3),
    Action("queue.skip", ("s",), "skip", "Leave it open, and go on to the next open one.", 4),
    Action("queue.undo", ("u",), "undo", "Take the last decision back.", 5),
    Action("queue.next", ("right", "n"), "next", "To the next case.", 11),
    Action("queue.previous", ("left", "p"), "previous", "To the case before."),
    Action("queue.first", ("g",), "first", "To the first case."),
    Action("queue.last", ("G",), "last", "To the last case."),
    Action(
        "queue.filter",
        ("f",),
        "filter",
        "Show open cases, all, those of low realism, with findings, or decided ones.",
        7,
    ),
    Action("queue.rest", ("a",), "keep the rest", "Keep every case that nobody has decided on.", 8),
    Action("queue.save", ("w",), "project", "Make a project of the cases.", 6),
    Action("queue.export", ("X",), "file", "Write the cases into a file.", 9),
    Action("queue.copy", ("y",), "copy", "Copy the case."),
    Action("queue.leave", ("q", "escape"), "back", "Leave the review; what was decided is kept.", 80),
    Action("made.review", ("c",), "review", "Go through the cases: keep, edit, drop.", 1),
    Action("made.save", ("w",), "project", "Make a project of the cases.", 2),
    Action("made.start", ("r",), "search", "Make a project of them, and look for a better prompt on it.", 3),
    Action("made.export", ("X",), "file", "Write the cases into a file.", 4),
    Action("made.resume", ("R",), "resume", "Start the worker again; nothing is paid twice.", 5),
    Action("made.copy", ("y",), "copy", "Copy what the focused panel shows.", 6),
    Action("made.next", ("tab",), "panels", "Go to the next panel.", 7, palette=False),
    Action("made.previous", ("shift+tab",), "previous", "Go to the panel before.", palette=False),
    Action("made.back", ("escape",), "the run", "Back to the run: grid, cases, log.", 81),
    Action("made.leave", ("q",), "leave", "Leave the result and the run.", 82),
)
