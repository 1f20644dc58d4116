"""Every action of the UI, once: bindings, key line, help screen, palette and KEYS.md are made from it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding, BindingType

Scope = Literal[
    "anywhere",
    "home",
    "run",
    "lists",
    "sorting",
    "cases",
    "errors",
    "log",
    "calls",
    "heat",
    "drafts",
    "editor",
    "project",
    "form",
    "review",
    "queue",
    "made",
    "result",
    "compare",
]

SCOPES: dict[Scope, str] = {
    "anywhere": "Everywhere",
    "home": "Projects and runs",
    "run": "A run",
    "lists": "In a table",
    "sorting": "In a table of a run",
    "cases": "Cases",
    "errors": "Errors",
    "log": "Log",
    "calls": "Calls",
    "heat": "Heat map",
    "drafts": "Cases that are made up",
    "editor": "Editing a prompt",
    "project": "A project",
    "form": "In a form",
    "review": "What a model proposed",
    "queue": "The review of made-up cases",
    "made": "The result of a run that makes cases up",
    "result": "The result of a run",
    "compare": "Runs side by side",
}


OF_WIDGETS: frozenset[Scope] = frozenset(
    ("lists", "sorting", "cases", "errors", "log", "calls", "heat", "drafts", "form")
)
"""Scopes of a widget: their actions work while it has the focus. Others are of a screen, or of the app."""


@dataclass(frozen=True)
class Action:
    """One thing that a person can do.

    Attributes:
        id: scope and verb; the action's method is ``action_`` + the part after the dot.
        keys: keys as Textual names them; any of them triggers it.
        label: one or two words for the key line.
        help: what it does, in a sentence.
        show: place in the key line, from 1; 0 is not shown there.
        palette: offered in the command palette.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    show: int = 0
    palette: bool = True

    @property
    def scope(self) -> Scope:
        return self.id.partition(".")[0]  # type: ignore[return-value]

    @property
    def method(self) -> str:
        return self.id.partition(".")[2]

    @property
    def keys_now(self) -> tuple[str, ...]:
        """The keys in force: its user's own, or ``keys``."""
        return OWN_KEYS.get(self.id, self.keys)

    @property
    def key_names(self) -> str:
        """The keys in force as a person reads them; empty if it has none."""
        keys = self.keys_now
        if len(keys) > 3:
            return f"{keys[0]}–{keys[-1]}"
        return " ".join(_KEY_NAMES.get(key, key) for key in keys)


OWN_KEYS: dict[str, tuple[str, ...]] = {}
"""Action id to the keys that its user gave it; :mod:`promptopt_tui.keymap` fills it."""

_KEY_NAMES = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "less_than_sign": "<",
    "greater_than_sign": ">",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "minus": "-",
    "full_stop": ".",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}

PANELS = (
    "progress",
    "standings",
    "prompt",
    "cases",
    "errors",
    "budget",
    "log",
    "lineage",
    "calls",
    "heat",
)
"""The cockpit's panels, in the order of their number keys; the tenth has 0."""

TOURNAMENT = "tournament"
"""A panel that is there only in a run that plays one; it has a key of its own."""

MAKING = {"coverage": "standings", "draft": "prompt", "drafts": "cases", "left-out": "errors"}
"""Panels of a run that makes cases up, and the panel of other runs that each is in the place of."""

ACTIONS: tuple[Action, ...] = (
    Action("anywhere.help", ("question_mark", "f1"), "help", "Show every key.", 90),
    Action("anywhere.palette", ("ctrl+p", "colon"), "commands", "Find a command by name.", 91, palette=False),
    Action(
        "anywhere.jump", ("ctrl+o",), "jump", "Put a letter on every panel and field; the letter goes there."
    ),
    Action("anywhere.theme", ("t",), "theme", "Go on to the next colour theme; the choice is kept."),
    Action(
        "anywhere.interrupt", ("ctrl+c",), "quit", "Twice: quit. A run goes on without you.", palette=False
    ),
    Action("home.open", ("enter",), "open", "Open the selected run, or the selected project to edit it.", 1),
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
    Action("home.switch", ("tab", "shift+tab"), "switch", "Go between projects and runs.", palette=False),
    Action("home.copy", ("y",), "copy", "Copy the id of the selected run, or the path of the project."),
    Action("home.compare", ("C",), "compare", "Put the selected run and others side by side."),
    Action("home.leave", ("q",), "quit", "Quit. Runs go on.", 80),
    Action("run.pause", ("space",), "pause/resume", "Pause: no new call starts. Again: go on.", 1),
    Action("run.edit", ("e",), "edit", "Rewrite the current prompt; it is scored before the run goes on.", 2),
    Action("run.answer", ("a",), "answer", "Answer what waits: an edit that was scored, a proposal.", 3),
    Action("run.stop", ("s",), "stop", "End the run, with or without the sealed test; asks first.", 4),
    Action(
        "run.step",
        ("full_stop",),
        "step",
        "Go on until the next iteration begins, and pause there.",
        13,
    ),
    Action(
        "run.inject",
        ("i",),
        "add a prompt",
        "Put a prompt of yours in the running; it is scored and can win, the search goes on as before.",
        14,
    ),
    Action(
        "run.guide",
        ("w",),
        "guide",
        "Ask something of proposals: a note, a text that they must keep or avoid; or take it back.",
        16,
    ),
    Action(
        "run.approval",
        ("p",),
        "approve",
        "Let every proposal wait for your consent before it is scored; again: no more.",
        17,
    ),
    Action("run.model", ("M",), "model", "Let another model write the proposals, from the next call on."),
    Action(
        "run.limits", ("b",), "caps", "Change the budget's caps, and how many calls are made at once.", 15
    ),
    Action(
        "run.resume",
        ("R",),
        "resume",
        "Start the worker again after it died, or after an end before the sealed test.",
        5,
    ),
    Action("run.why", ("W",), "say why", "Write down why you do what you do next; the run keeps it."),
    Action("run.review", ("c",), "review", "Go through the cases that were made: keep, edit, drop.", 6),
    Action("run.outcome", ("o",), "result", "Show the result: verdict, scores, what was spent.", 6),
    Action("run.full", ("f",), "full", "Give the focused panel the whole screen, or put it back.", 8),
    Action("run.panel", tuple("1234567890"), "panels", "Go to a panel by its number.", 7, palette=False),
    Action("run.tab_left", ("left_square_bracket",), "tab", "Show the tab to the left in this place."),
    Action("run.tab_right", ("right_square_bracket",), "tab", "Show the next tab in this place.", 21),
    Action("run.layout", ("l",), "layout", "Arrange the panels in another way; the choice is kept.", 13),
    Action("run.arrange", ("L",), "arrange", "Choose a layout by name, and which panels there are."),
    Action("run.hide", ("minus",), "hide", "Hide the focused panel; its number brings it back."),
    Action(
        "run.tournament",
        ("m",),
        "matches",
        "Show the tournament at full size: ratings, bracket, who beat whom; again: back.",
        12,
    ),
    Action("run.next", ("tab",), "next", "Go to the next panel.", palette=False),
    Action("run.previous", ("shift+tab",), "previous", "Go to the panel before.", palette=False),
    Action("run.copy", ("y",), "copy", "Copy what the focused panel shows.", 20),
    Action(
        "run.diff",
        ("d",),
        "diff",
        "Compare the prompt with its parent, the seed, the best; or show it plain.",
        9,
    ),
    Action(
        "run.against",
        ("D",),
        "compare with",
        "Compare the prompt with the candidate under the cursor of the standings, or of the lineage.",
    ),
    Action("run.side", ("v",), "side by side", "Show the two prompts side by side, or under each other."),
    Action("run.split", ("x",), "split", "Show the cases of another split.", 19),
    Action(
        "run.back",
        ("escape",),
        "back",
        "Undo one step: full size, filter, choice of a candidate.",
        palette=False,
    ),
    Action("run.menu", ("Y",), "copy …", "Choose what to copy: prompt, diff, report, commands."),
    Action("run.export", ("X",), "export", "Write the shown candidate's prompt out, in one of ten formats."),
    Action("run.leave", ("q",), "detach", "Leave the run; it goes on without you.", 80),
    Action("lists.select", ("enter",), "open", "Open the row: a run, a case, a candidate.", palette=False),
    Action("lists.up", ("up", "k"), "up", "One row up.", palette=False),
    Action("lists.down", ("down", "j"), "down", "One row down.", palette=False),
    Action("lists.page_up", ("pageup",), "page up", "One page up.", palette=False),
    Action("lists.page_down", ("pagedown",), "page down", "One page down.", palette=False),
    Action("lists.first", ("home", "g"), "first", "To the first row.", palette=False),
    Action("lists.last", ("end", "G"), "last", "To the last row.", palette=False),
    Action("sorting.left", ("less_than_sign",), "sort", "Sort by the column to the left."),
    Action("sorting.right", ("greater_than_sign",), "sort", "Sort by the column to the right."),
    Action("sorting.reverse", ("r",), "reverse", "Turn the order round."),
    Action("cases.filter", ("slash",), "filter", "Show only the cases that contain a text.", 10),
    Action("cases.failed", ("n",), "failed only", "Show only the cases that fail, or all.", 11),
    Action("cases.mend", ("c",), "mend", "Put right what a case expects, or drop it; it is judged anew.", 18),
    Action(
        "errors.open",
        ("enter",),
        "look closer",
        "Show failures that are alike: a typical case, and the nearest one that passes.",
        10,
    ),
    Action("errors.cases", ("c",), "their cases", "Show only the cases that failed so.", 9, palette=False),
    Action("errors.up", ("up", "k"), "up", "To the category before, or up.", palette=False),
    Action("errors.down", ("down", "j"), "down", "To the next category, or down.", palette=False),
    Action("log.follow", ("end", "G"), "follow", "Follow the newest lines again."),
    Action("log.open", ("enter",), "whole", "Show the lines that are in view at their full length.", 6),
    Action("calls.filter", ("slash",), "filter", "Show only the calls that contain a text.", 10),
    Action("calls.whose", ("w",), "whose", "Show only the calls of another role, or all.", 11),
    Action("calls.outcome", ("n",), "outcome", "Show only the calls with another outcome, or all.", 12),
    Action("heat.left", ("left",), "left", "One candidate to the left.", palette=False),
    Action("heat.right", ("right",), "right", "One candidate to the right.", palette=False),
    Action("heat.order", ("n",), "order", "Those that fail most often first, or the order of the data.", 11),
    Action("drafts.filter", ("slash",), "filter", "Show only the cases that contain a text.", 10),
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
        "Try the checks on an output, ask whether the models can be reached, or foretell a run.",
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
    Action("result.export", ("x",), "export", "Write the best prompt out, in one of ten formats.", 2),
    Action("result.copy", ("y",), "copy", "Copy what the focused panel shows.", 4),
    Action("result.menu", ("Y",), "copy …", "Choose what to copy: prompt, diff, report, commands.", 3),
    Action("result.rescore", ("S",), "score again", "Send the best prompt again: does its figure hold?", 5),
    Action("result.compare", ("c",), "compare", "Put this run and others side by side.", 6),
    Action("result.resume", ("R",), "resume", "Start the worker again; nothing is paid twice.", 1),
    Action("result.all", ("u",), "unchanged", "Show or hide the sentences that are as in the seed.", 8),
    Action("result.next", ("tab",), "what changed", "Go to the next panel.", 1, palette=False),
    Action("result.previous", ("shift+tab",), "previous", "Go to the panel before.", palette=False),
    Action("result.back", ("escape",), "the run", "Back to the run: candidates, cases, log.", 81),
    Action("result.leave", ("q",), "leave", "Leave the result and the run.", 82),
    Action("compare.open", ("enter",), "open", "Open the run under the cursor.", 1, palette=False),
    Action("compare.base", ("b",), "as base", "Compare all with the run under the cursor.", 2),
    Action("compare.split", ("x",), "split", "Compare on validation, or on the sealed test.", 3),
    Action("compare.copy", ("y",), "copy", "Copy the figures, the comparison or the diff.", 4),
    Action("compare.leave", ("escape", "q"), "back", "Leave the comparison.", 80),
)

NUMBERED = ("run.panel", "project.section")
"""Actions whose keys are numbers, each for a place of its own."""

BY_ID: dict[str, Action] = {action.id: action for action in ACTIONS}


def bindings(*scopes: Scope) -> list[BindingType]:
    """The bindings of these scopes."""
    found: list[BindingType] = []
    for action in ACTIONS:
        if action.scope in scopes and action.id in NUMBERED:
            numbers = enumerate(action.keys, 1)
            found += [
                Binding(key, f"{action.method}({number})", action.help, show=False) for number, key in numbers
            ]
        elif action.scope in scopes:
            # In the editor these keys come before what the text area would do with them.
            first = action.scope == "editor"
            keys = ",".join(action.keys)
            found.append(Binding(keys, action.method, action.help, show=False, id=action.id, priority=first))
    return found


def shown(scopes: Iterable[Scope]) -> list[Action]:
    """What the key line offers in these scopes, in order."""
    wanted = set(scopes)
    return sorted((a for a in ACTIONS if a.show and a.scope in wanted), key=lambda a: a.show)


def help_table(first: Sequence[Scope] = ()) -> list[tuple[str, list[tuple[str, str]]]]:
    """For each scope its title and (keys, what they do); the scopes that it is asked from come ``first``."""
    scopes = sorted(SCOPES, key=lambda scope: (scope not in first, scope != "anywhere"))
    return [
        (SCOPES[scope], [(action.key_names, action.help) for action in ACTIONS if action.scope == scope])
        for scope in scopes
    ]


def markdown() -> str:
    """The key table as KEYS.md has it."""
    lines = ["# Keys", "", "Made from `promptopt_tui/actions.py`; do not edit.", "", _OWN_KEYS_TOLD, ""]
    for scope, title in SCOPES.items():
        lines += [f"## {title}", "", "| key | what it does | action |", "| --- | --- | --- |"]
        for action in ACTIONS:
            if action.scope == scope:
                shown_keys = " ".join(f"`{key}`" for key in action.key_names.split())
                lines.append(f"| {shown_keys} | {action.help} | `{action.id}` |")
        lines.append("")
    return "\n".join(lines)


_OWN_KEYS_TOLD = """\
To give an action other keys, write its id and the keys into `keys.toml` in the data directory
(`promptopt doctor` says where that is); the change holds at once:

```toml
"run.pause" = "p"
"run.edit" = ["ctrl+e", "e"]
"run.stop" = []               # no key: the command palette still has it
```"""


if __name__ == "__main__":
    print(markdown(), end="")
