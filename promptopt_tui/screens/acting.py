"""What a person can do to a run beside pausing, editing and stopping it: each act is asked of its worker."""

from __future__ import annotations

from collections.abc import Callable

from promptopt.domain.guidance import Form
from promptopt.domain.text import one_line
from promptopt.domain.words import ROLES, Role
from promptopt.store.commands import (
    Command,
    Guide,
    Inject,
    SetApproval,
    SetConcurrency,
    SetLimits,
    SetModel,
    Step,
    Withdraw,
)
from promptopt_tui import formatting as fm
from promptopt_tui import paint
from promptopt_tui.screens.dialogs import Dialog, Option, confirm
from promptopt_tui.screens.editor import INJECTING, EditScreen, Written
from promptopt_tui.screens.filling import REASON, Field, FillScreen, needed
from promptopt_tui.screens.steering import Steering
from promptopt_tui.views import wishes

CAPS = ("usd", "calls", "tokens", "minutes")


def cap_fault(text: str) -> str:
    """What is wrong with a cap; empty if nothing."""
    try:
        fine = text == "" or 0 < float(text.replace(",", "")) < float("inf")
    except ValueError:
        fine = False
    return "" if fine else "must be a number above 0, or empty for no cap"


def _count_fault(text: str) -> str:
    return (
        ""
        if text == "" or (text.isascii() and text.isdigit() and 0 < int(text) <= 10_000)
        else ("must be a whole number from 1 on")
    )


class Acting(Steering):
    """The part of the cockpit that asks for these acts."""

    def may(self, action_id: str) -> bool:
        """Whether an action makes sense now."""
        searches = self.is_live and self.follower.state.has_search and self.follower.state.phase != "test"
        needs = {
            "run.step": searches,
            "run.inject": searches and bool(self.follower.state.current_id),
            "run.limits": self.is_live,
            "run.model": self.is_live and self.follower.state.has_search,
            "run.guide": searches,
            "run.approval": searches,
        }
        return needs[action_id] if action_id in needs else super().may(action_id)

    def action_step(self) -> None:
        if not self._refuse("run.step"):
            self.send(Step(), "going on until the next iteration begins…")

    def action_inject(self) -> None:
        if self._refuse("run.inject"):
            return
        with self.follower.lock:
            state = self.follower.state
            text, name = state.candidates[state.current_id].text, self.view().name(state.current_id)
            demands = state.wishes.in_force

        def answered(written: Written | None) -> None:
            if written is not None:
                self.send(Inject(text=written.text, reason=written.reason), "your prompt is on its way…")

        self.app.push_screen(EditScreen(text, name, INJECTING, demands), answered)

    def action_guide(self) -> None:
        """What is asked of proposals: shown, added to, taken back."""
        if self._refuse("run.guide"):
            return
        with self.follower.lock:
            given = self.follower.state.wishes.in_force
        options: list[Option[str]] = [
            Option("n", "A note to the optimizer", "free text, told with its next request", "note"),
            Option("k", "A text to keep", "every proposal must contain it", "keep"),
            Option("v", "A text to avoid", "no proposal may contain it", "avoid"),
        ]
        options += [
            Option(key, f"Take back number {wish.number}", one_line(wish.text, 40), str(wish.number))
            for key, wish in zip("abcdefghi", given, strict=False)
        ]

        def answered(answer: str | None) -> None:
            if answer in ("note", "keep", "avoid"):
                self._ask_for_wish(answer)
            elif answer:
                self.send(Withdraw(number=int(answer)), "taking it back…")

        title = "What proposals must keep, must avoid, and should know"
        self.app.push_screen(Dialog(title, lambda width: wishes.in_force(given, width), options), answered)

    def _ask_for_wish(self, form: Form) -> None:
        word, _ = wishes.FORMS[form]
        about = {
            "note": "It is told to the optimizer with every request from now on.",
            "keep": "A proposal without it is refused before it is scored; a prompt without it can't win.",
            "avoid": "A proposal with it is refused before it is scored; a prompt with it can't win.",
        }[form]

        def answered(given: dict[str, str] | None) -> None:
            if given is not None:
                self.send(Guide(form=form, text=given["text"], reason=given["reason"]), "telling the run…")

        fields = [Field("text", word, check=needed), REASON]
        self.app.push_screen(FillScreen("From the next proposal on", fields, _lines(about)), answered)

    def action_approval(self) -> None:
        """Let proposals wait for a person, or no more."""
        if self._refuse("run.approval"):
            return
        with self.follower.lock:
            approval = self.follower.state.wishes.approval
            waiting = len(self.follower.state.wishes.waiting)
        if not approval:
            self.send(SetApproval(on=True), "every proposal will wait for you…")
            return
        said = f"{fm.plural(waiting, 'proposal')} waiting." if waiting else "No proposal waits just now."
        confirm(
            self.app,
            "Score proposals without asking?",
            ("Go on asking", ""),
            ("Ask no more", "what waits is accepted and scored"),
            lambda: self.send(SetApproval(on=False), "proposals wait no more…"),
            _lines(said),
        )

    def action_model(self) -> None:
        """Another optimizer model; what is not changed is not sent."""
        if self._refuse("run.model"):
            return
        with self.follower.lock:
            info = self.follower.state.models.get("optimizer")
        before = {"model": info.model if info else "", "base_url": info.endpoint if info else ""}
        fields = [
            Field("model", "model", before["model"], "as litellm names it: openai/gpt-4o", needed),
            Field("base_url", "address", before["base_url"], "of a server of your own"),
            Field("api_key_env", "key variable", hint="name of the environment variable with its key"),
            Field("max_tokens", "most tokens", hint="of a reply", check=_count_fault),
            REASON,
        ]

        def answered(given: dict[str, str] | None) -> None:
            if given is None:
                return
            reason = given.pop("reason")
            changes = {name: value for name, value in given.items() if value and value != before.get(name)}
            if changes:
                self.send(SetModel(role="optimizer", changes=changes, reason=reason), "changing the model…")
            else:
                self.app.notify("Nothing was changed.", markup=False)

        about = _lines(
            "It writes proposals from the next call on; nothing that was answered is asked again. A model "
            "that makes scores holds for a whole run: promptopt model RUN target … --new-run begins another."
        )
        self.app.push_screen(FillScreen("Another optimizer model", fields, about, "change"), answered)

    def action_limits(self) -> None:
        """Caps, and calls at once, in one dialog; what was not changed is not sent."""
        if self._refuse("run.limits"):
            return
        with self.follower.lock:
            state = self.follower.state
            caps = dict.fromkeys(CAPS, "") | {name: f"{value:.15g}" for name, value in state.limits.items()}
            roles: list[Role] = [role for role in ROLES if role in state.models]
            at_once = {role: str(state.concurrency.get(role, "")) for role in roles}
        fields = [
            *(Field(name, _words(name), value, "no cap", cap_fault) for name, value in caps.items()),
            *(
                Field(f"at once {role}", f"{role} at once", value, "as in the project", _count_fault)
                for role, value in at_once.items()
            ),
            REASON,
        ]

        def answered(given: dict[str, str] | None) -> None:
            if given is None:
                return
            reason = given["reason"]
            limits = {
                name: float(given[name].replace(",", "")) if given[name] else None
                for name in caps
                if given[name] != caps[name]
            }
            commands: list[Command] = [SetLimits(limits=limits, reason=reason)] if limits else []
            commands += [
                SetConcurrency(role=role, most=int(given[f"at once {role}"]), reason=reason)
                for role in roles
                if given[f"at once {role}"] not in ("", at_once[role])
            ]
            for command in commands:
                self.send(command, "changing what the run may use…")
            if not commands:
                self.app.notify("Nothing was changed.", markup=False)

        said = "They hold at once. A cap below what is spent ends the run in order."
        self.app.push_screen(FillScreen("Caps and calls at once", fields, _lines(said), "change"), answered)


def _words(cap: str) -> str:
    return " ".join("USD" if part == "usd" else part for part in cap.split("_"))


def _lines(*texts: str) -> Callable[[int], list[paint.Line]]:
    """Lines of a dialog: each text wrapped, and an empty line after them."""
    return lambda width: [*(line for text in texts for line in paint.wrap([(text, "muted")], width)), []]
