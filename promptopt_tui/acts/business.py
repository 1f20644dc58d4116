"""On the way from no data to a business case."""

from promptopt_tui.acts.action import Action

BUSINESS: tuple[Action, ...] = (
    Action(
        "proof.pause",
        ("space",),
        "pause/resume",
        "Pause it and its runs: no new call starts. Again: go on.",
        1,
    ),
    Action(
        "proof.stop", ("s",), "stop", "End it for now, with its runs; asks first, and R lets it go on.", 3
    ),
    Action(
        "proof.resume", ("R",), "resume", "Let it go on, with your word on its cases if it waits for that.", 4
    ),
    Action("proof.review", ("c",), "cases", "Go through the cases that were made up: keep, edit, drop.", 5),
    Action("proof.open", ("o",), "open file", "Open the file under the cursor outside, or copy its path.", 6),
    Action("proof.compare", ("C",), "compare", "Put the runs of the comparison side by side.", 7),
    Action(
        "proof.copy",
        ("y",),
        "copy",
        "Copy the path of the file, the id of the run, or what the panel shows.",
        8,
    ),
    Action("proof.deployment", ("D",), "in use", "Show the prompt that came of it among those in use.", 9),
    Action("proof.next", ("tab",), "panels", "Go to the next panel.", 2, palette=False),
    Action("proof.previous", ("shift+tab",), "previous", "Go to the panel before.", palette=False),
    Action("proof.leave", ("q", "escape"), "back", "Leave it; it goes on without you.", 80),
)
