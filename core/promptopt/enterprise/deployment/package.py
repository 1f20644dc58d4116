"""What is handed to a team: a folder with the prompt in every form, and all that belongs to it."""

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from promptopt.domain.errors import SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.domain.settings import ModelSettings
from promptopt.domain.text import one_line, storable
from promptopt.enterprise.assets import create_team_deployment_assets
from promptopt.enterprise.compliance import terms
from promptopt.enterprise.deployment.criteria import STRATEGIES
from promptopt.enterprise.deployment.examples import Material, PerUse
from promptopt.enterprise.deployment.guides import (
    exercises,
    figures_text,
    quick_start,
    video_script,
    weak_points,
)
from promptopt.enterprise.deployment.offers import Figure, Offer
from promptopt.enterprise.deployment.pages import page
from promptopt.enterprise.deployment.recording import Deployment, as_file
from promptopt.enterprise.deployment.rollout import RolloutPlan
from promptopt.enterprise.deployment.schedules import monitor_line, schedules
from promptopt.enterprise.deployment.snippets import curl_call, example_request, python_call
from promptopt.enterprise.subject import SIMULATED
from promptopt.store.export import Exported, export

FEEDBACK = ("timestamp", "user", "team", "prompt", "seconds", "rating", "accepted", "edited", "comment")
"""Columns of the feedback form; promptopt adoption reads them."""

_PURPOSES = {
    "index.html": "all of it as one page, to read and to pass on",
    "templates/chatgpt.md": "for ChatGPT",
    "templates/slack.txt": "a message for Slack",
    "templates/email.txt": "an e-mail to the team",
    "training/reference-card.md": "one page to keep beside you",
    "training/training-guide.md": "to learn it, alone or in a group",
    "training/exercises.md": "exercises with real cases, passed and failed",
    "training/video-script.md": "slides and words of a video, to be recorded",
    "prompt/prompt.txt": "the prompt as it was scored",
    "prompt/messages.json": "the messages, for programs",
    "prompt/request.json": "the body of a request, the case left open",
    "prompt/prompt.py": "a Python module without dependencies",
    "prompt/call.py": "asks the prompt once, from Python",
    "prompt/call.sh": "asks the prompt once, with curl",
    "prompt/example-request.json": "what call.sh sends",
    "before/prompt.txt": "the prompt before, to go back to",
    "before/messages.json": "its messages",
    "figures.md": "what was measured, with intervals and sources, and what it is bad at",
    "figures.json": "the same for programs",
    "feedback.csv": "columns for what people notice; promptopt adoption reads it",
    "rollout/plan.md": "who gets it when, and what stops it",
    "rollout/plan.html": "the same as a page",
    "monitoring/README.md": "how to keep an eye on it",
    "deployment.json": "the deployment, to monitor it on another machine",
}


@dataclass(frozen=True)
class Extras:
    """What a package needs beside offer and plan; each may be missing.

    Attributes:
        columns: of a case.
        model: that the prompt was scored with.
        cases: for exercises and the example request.
    """

    columns: tuple[str, ...] = ("input",)
    model: ModelSettings = field(default_factory=lambda: ModelSettings(model="openai/gpt-4o-mini"))
    cases: Material = field(default_factory=Material)
    per_use: PerUse | None = None
    deployment: Deployment | None = None


@dataclass(frozen=True)
class OnboardingPackage:
    """Files by their path in the folder.

    The names of the parts are those under which people look for them; each is a text, or of several prompts
    a table of texts.
    """

    title: str
    files: Mapping[str, str]
    plan: RolloutPlan

    @property
    def quick_start_guide(self) -> str:
        return self.files["README.md"]

    @property
    def chatgpt_templates(self) -> dict[str, str]:
        return self.having("templates/chatgpt.md")

    @property
    def slack_integrations(self) -> dict[str, str]:
        return self.having("templates/slack.txt")

    @property
    def email_templates(self) -> dict[str, str]:
        return self.having("templates/email.txt")

    @property
    def training_videos(self) -> dict[str, str]:
        """Scripts with slides and words: nobody has recorded them."""
        return self.having("training/video-script.md")

    @property
    def training_materials(self) -> dict[str, str]:
        return {name: text for name, text in self.files.items() if "training/" in name}

    @property
    def performance_dashboard(self) -> dict[str, str]:
        """How to set the monitoring up."""
        return {name: text for name, text in self.files.items() if "monitoring/" in name}

    def having(self, ending: str) -> dict[str, str]:
        """Files whose path ends like this."""
        return {name: text for name, text in self.files.items() if name.endswith(ending)}

    def write(self, folder: str | Path) -> Path:
        """Write it; returns the folder.

        Raises:
            SettingsError: something is there already, or it can't be written.
        """
        place = Path(folder)
        check_free(place)
        try:
            for name, text in self.files.items():
                path = place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(_bytes(text))
                if name.endswith(".sh"):
                    path.chmod(0o755)
        except OSError as error:
            raise SettingsError(
                f"the package can't be written ({error.strerror or error})", where=str(place)
            ) from error
        return place

    def zip(self, path: str | Path) -> Path:
        """Write it as one zip file, the same bytes for the same package; returns the file.

        Raises:
            SettingsError: it can't be written.
        """
        target = Path(path)
        top = PurePosixPath(target.stem)
        try:
            with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
                for name, text in self.files.items():
                    entry = zipfile.ZipInfo(str(top / name))
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    entry.external_attr = (0o755 if name.endswith(".sh") else 0o644) << 16
                    packed.writestr(entry, _bytes(text))
        except OSError as error:
            raise SettingsError(
                f"the package can't be written ({error.strerror or error})", where=str(target)
            ) from error
        return target

    def __repr__(self) -> str:
        return f"OnboardingPackage({self.title!r}, {len(self.files)} files; write(folder) or zip(file))"


def check_free(folder: Path) -> None:
    """Raise SettingsError if something is in the way of a new folder."""
    try:
        taken = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise SettingsError(
            f"the folder can't be looked at ({error.strerror or error})", where=str(folder)
        ) from error
    if taken:
        raise SettingsError(
            "there is something already, and nothing of it is overwritten",
            where=str(folder),
            fix="name a new folder: --out DIR",
        )


def package_of(offer: Offer, plan: RolloutPlan, extras: Extras | None = None) -> OnboardingPackage:
    """The package of one prompt."""
    files = _files(offer, plan, extras or Extras())
    return OnboardingPackage(plan.title, files, plan)


def package_of_several(
    offers: Sequence[Offer], plan: RolloutPlan, extras: Mapping[str, Extras], folders: Mapping[str, str]
) -> OnboardingPackage:
    """The package of several prompts, a folder for each.

    Args:
        extras, folders: by the offer's name.
    """
    files: dict[str, str] = {"rollout/plan.md": plan.markdown(), "rollout/plan.html": plan.html()}
    listed: list[dict[str, Any]] = []
    for offer in offers:
        inside = _files(offer, plan, extras.get(offer.name, Extras()), alone=False)
        files |= {f"{folders[offer.name]}/{name}": text for name, text in inside.items()}
        place = folders[offer.name]
        listed.append({"name": offer.name, "folder": place, "headline": offer.headline, "why": offer.why})
    lines = "".join(f"- `{one['folder']}/`: {one['headline']}\n" for one in listed)
    files["README.md"] = f"# {len(offers)} prompts for the team\n\n{lines}\nThe plan is in `rollout/`.\n"
    files["index.html"] = page("several.html.j2", plan=plan, listed=listed, simulated=SIMULATED)
    return OnboardingPackage(plan.title, dict(sorted(files.items())), plan)


def _files(offer: Offer, plan: RolloutPlan, extras: Extras, *, alone: bool = True) -> dict[str, str]:
    files = {**_templates(offer), **_prompt_files(offer, extras), **_guides(offer, extras)}
    if alone:
        files |= {"rollout/plan.md": plan.markdown(), "rollout/plan.html": plan.html()}
    deployment = extras.deployment
    line, held = "", list[str]()
    if deployment is not None:
        held = terms(deployment.settings.compliance)
        files["deployment.json"] = as_file(deployment)
        files |= {f"monitoring/{name}": text for name, text in schedules(deployment).items()}
        line = monitor_line(deployment.id)
    files["index.html"] = _index(offer, plan if alone else _own(offer, plan), extras, line, alone=alone)
    named = [(name, _PURPOSES[name]) for name in _PURPOSES if name in files]
    files["README.md"] = quick_start(offer, named, line, held)
    return dict(sorted(files.items()))


def _templates(offer: Offer) -> dict[str, str]:
    made = create_team_deployment_assets(offer.given.prompt, offer.context, title=offer.name)
    return {
        "templates/chatgpt.md": made["chatgpt_template"],
        "templates/slack.txt": made["slack_template"],
        "templates/email.txt": made["email_template"],
        "training/reference-card.md": made["reference_card"],
        "training/training-guide.md": made["training_materials"],
    }


def _prompt_files(offer: Offer, extras: Extras) -> dict[str, str]:
    what = _exported(offer.given.prompt, extras, _record(offer))
    form = "anthropic" if extras.model.model.startswith("anthropic/") else "openai"
    files = {
        "prompt/prompt.txt": export(what, "text"),
        "prompt/messages.json": export(what, "messages"),
        "prompt/request.json": export(what, form),
        "prompt/prompt.py": export(what, "python"),
        "prompt/call.py": python_call(what),
        "prompt/call.sh": curl_call(what),
        "prompt/example-request.json": example_request(what, extras.cases.example),
    }
    if offer.before is not None and offer.gives_new:
        before = _exported(offer.before.prompt, extras, {})
        files["before/prompt.txt"] = export(before, "text")
        files["before/messages.json"] = export(before, "messages")
    return files


def _guides(offer: Offer, extras: Extras) -> dict[str, str]:
    return {
        "training/exercises.md": exercises(offer, extras.cases),
        "training/video-script.md": video_script(offer, extras.cases),
        "figures.md": figures_text(offer, extras.per_use),
        "figures.json": json.dumps(_record(offer), ensure_ascii=False, indent=2) + "\n",
        "feedback.csv": ",".join(FEEDBACK) + "\n",
    }


def _exported(prompt: Prompt, extras: Extras, record: dict[str, Any]) -> Exported:
    return Exported(prompt, extras.columns, extras.model, record)


def _record(offer: Offer) -> dict[str, Any]:
    """The figures as JSON values, for programs."""
    before = offer.before
    return {
        "name": offer.name,
        "prompt_id": offer.given.prompt.id,
        "run_id": offer.run_id,
        "simulated": offer.simulated,
        "advice": offer.advice,
        "new": _figure(offer.new.figure),
        "before": _figure(before.figure) if before else None,
        "comparison": offer.about.get("comparison"),
    }


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    return vars(figure) if figure else None


def _own(offer: Offer, plan: RolloutPlan) -> RolloutPlan:
    """Of a plan for several prompts what is about this one; its phases stand in one place, for all."""
    mine = tuple(one for one in plan.decisions if one.name == one_line(offer.name, 120))
    return replace(plan, decisions=mine, phases=(), notes=())


def _index(offer: Offer, plan: RolloutPlan, extras: Extras, line: str, *, alone: bool) -> str:
    about = offer.subject
    figures = [
        (what, str(side.figure), side.figure.source)
        for what, side in (("new prompt", offer.new), ("prompt before", offer.before))
        if side is not None and side.figure is not None
    ]
    return page(
        "index.html.j2",
        offer=offer,
        about=about,
        look=offer.look,
        figures=figures,
        use=extras.per_use,
        weak=[point for point in weak_points(offer) if point][1:] or weak_points(offer),
        cases=extras.cases,
        demonstrations=[(demo.input_text, demo.expected or "") for demo in about.examples],
        plan=plan,
        strategy=STRATEGIES[plan.strategy],
        line=line,
        alone=alone,
        simulated=SIMULATED,
    )


def _bytes(text: str) -> bytes:
    return storable(text).encode("utf-8")
