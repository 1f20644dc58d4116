"""In results of runs, and where runs stand side by side."""

from promptopt_tui.acts.action import Action

OUTCOME: tuple[Action, ...] = (
    Action("result.export", ("x",), "export", "Write the best prompt out, in one of ten formats.", 2),
    Action("result.copy", ("y",), "copy", "Copy what the focused panel shows.", 5),
    Action("result.menu", ("Y",), "copy …", "Choose what to copy: prompt, diff, report, commands.", 4),
    Action("result.rescore", ("S",), "score again", "Send the best prompt again: does its figure hold?", 6),
    Action("result.compare", ("c",), "compare", "Put this run and others side by side.", 7),
    Action(
        "result.report",
        ("b",),
        "business case",
        "Write what the best prompt is worth: ranges, each with its sources, as documents.",
        3,
    ),
    Action(
        "result.deploy",
        ("d",),
        "deploy",
        "Write a package for a team, and keep the prompt as a deployment that can be watched.",
        3,
    ),
    Action("result.resume", ("R",), "resume", "Start the worker again; nothing is paid twice.", 1),
    Action("result.all", ("u",), "unchanged", "Show or hide the sentences that are as in the seed.", 8),
    Action("result.next", ("tab",), "what changed", "Go to the next panel.", 1, palette=False),
    Action("result.previous", ("shift+tab",), "previous", "Go to the panel before.", palette=False),
    Action("result.back", ("escape",), "the run", "Back to the run: candidates, cases, log.", 81),
    Action("result.leave", ("q",), "leave", "Leave the result and the run.", 82),
    Action(
        "deployments.monitor", ("m",), "look", "Score the prompt on fresh cases: does its figure hold?", 1
    ),
    Action("deployments.open", ("enter",), "its run", "Open the run of its last look, or of its test.", 2),
    Action("deployments.source", ("o",), "test run", "Open the run that its test figure comes from.", 3),
    Action("deployments.page", ("w",), "page", "Write the history of the prompt as a page.", 4),
    Action("deployments.copy", ("y",), "copy", "Copy the id of the deployment, or what is told of it.", 5),
    Action("deployments.switch", ("tab", "shift+tab"), "switch", "Go between list and text.", palette=False),
    Action("deployments.leave", ("escape", "q"), "back", "Leave the prompts in use.", 80),
    Action("compare.open", ("enter",), "open", "Open the run under the cursor.", 1, palette=False),
    Action("compare.base", ("b",), "as base", "Compare all with the run under the cursor.", 2),
    Action("compare.split", ("x",), "split", "Compare on validation, or on the sealed test.", 3),
    Action("compare.copy", ("y",), "copy", "Copy the figures, the comparison or the diff.", 4),
    Action("compare.leave", ("escape", "q"), "back", "Leave the comparison.", 80),
)
