"""In a project, its forms and its editor."""

from promptopt_tui.acts.action import Action

PROJECT: tuple[Action, ...] = (
    Action(
        "project.save", ("ctrl+s",), "save", "Write the project file, and the cases that were changed.", 1
    ),
    Action("project.run", ("r",), "run", "Save, and start a run of the project.", 2),
    Action(
        "project.section", tuple("12345678"), "sections", "Go to a section by its number.", 3, palette=False
    ),
    Action("project.next", ("right_square_bracket",), "next", "Go to the next section.", palette=False),
    Action(
        "project.previous", ("left_square_bracket",), "previous", "Go to the section before.", palette=False
    ),
    Action("project.add", ("n",), "add", "Add a check, a rule, a model or a case.", 4),
    Action("project.remove", ("x", "delete"), "remove", "Take the check, rule, model or case out.", 5),
    Action(
        "project.test",
        ("v",),
        "try",
        "Try the checks, ask whether models can be reached, foretell a run, or look what it would send.",
        6,
    ),
    Action(
        "project.search",
        ("slash",),
        "search",
        "Show only cases with a text, split:test, tag:x, must:pass.",
        7,
    ),
    Action("project.split", ("s",), "split", "Show the cases of the next split; then all.", 8),
    Action("project.import", ("i",), "import", "Add the cases of another file.", 8),
    Action("project.undo", ("u",), "undo", "Take the last change back.", 7),
    Action("project.redo", ("U",), "redo", "Make the change again that was taken back."),
    Action("project.difference", ("d",), "changes", "Show what was changed and is not saved.", 8),
    Action("project.external", ("E",), "$EDITOR", "Edit the project file in your own editor."),
    Action(
        "project.outside",
        ("o",),
        "theirs",
        "Look at what somebody else has written into the file meanwhile.",
        9,
    ),
    Action("project.leave", ("q",), "back", "Leave the project; asks if something is not saved.", 80),
    Action(
        "project.back", ("escape",), "back", "Show all cases again; else leave the project.", palette=False
    ),
    Action("project.generate", ("m",), "make up", "Have a model make up more cases, for you to confirm.", 8),
    Action("review.take", ("space",), "take", "Take what is proposed, and go on to the next.", 1),
    Action("review.drop", ("x", "delete"), "leave", "Leave it out, and go on to the next.", 2),
    Action("review.open", ("enter",), "rewrite", "Change what is proposed, and take it.", 4, palette=False),
    Action("review.all", ("a",), "take all", "Take everything that is not decided yet.", 3),
    Action("review.done", ("ctrl+s",), "done", "Go on with what was taken.", 80),
    Action("review.leave", ("q", "escape"), "back", "Leave without taking anything.", 81),
    Action("form.select", ("enter",), "change", "Change the value of the setting.", 3),
    Action(
        "form.reset", ("backspace",), "default", "Take the setting out of the file: its default holds.", 10
    ),
    Action(
        "editor.save",
        ("ctrl+s",),
        "score it",
        "See the change, then send it off to be scored.",
        1,
        palette=False,
    ),
    Action("editor.external", ("ctrl+e",), "$EDITOR", "Edit in your own editor.", 2, palette=False),
    Action(
        "editor.discard",
        ("escape",),
        "discard",
        "Leave; asks first if you changed anything.",
        3,
        palette=False,
    ),
)
