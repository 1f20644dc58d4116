"""doctor: is all well here? It sends no key and no model call, so it spends nothing.

Whom a project asks it to contact, it says before; it contacts nobody that a project names whose owner has not
trusted it.
"""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from promptopt.cli.arguments import ProjectArgument
from promptopt.cli.output import emit, note, say
from promptopt.domain.errors import PromptoptError, SettingsError

if TYPE_CHECKING:
    from promptopt.domain.settings import ModelSettings, ProjectSettings
    from promptopt.domain.words import Role
    from promptopt.store.projects import Project

TIMEOUT = 5.0
"""Seconds to wait for an endpoint."""

PACKAGES = (
    "promptopt", "textual", "litellm", "dspy-ai", "pydantic", "pydantic-monty", "sqlalchemy", "cyclopts",
    "scipy",
)  # fmt: skip

UNKNOWN_AUTHORITY = (18, 19, 20, 21)
"""OpenSSL's codes for a certificate that nobody who is trusted has signed."""

ENDPOINTS = {
    "anthropic": "https://api.anthropic.com",
    "deepseek": "https://api.deepseek.com",
    "gemini": "https://generativelanguage.googleapis.com",
    "groq": "https://api.groq.com",
    "mistral": "https://api.mistral.ai",
    "openai": "https://api.openai.com",
    "openrouter": "https://openrouter.ai",
}
"""Where the usual providers are, for models without ``base_url``."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. A ``fault`` has to be mended; a ``note`` is good to know."""

    check: str
    status: Literal["ok", "note", "fault"]
    detail: str
    fix: str = ""


def doctor(project: ProjectArgument | None = None, /, *, offline: bool = False, json: bool = False) -> int:
    """Check the installation and, if one is given, a project. It spends nothing and sends no key.

    Endpoints are asked whether they answer: those that the project names only if nothing in it waits for
    your trust, and you are told before.

    Args:
        offline: contact no endpoint.
        json: print one JSON list.
    """
    findings = [
        _python(),
        *_packages(),
        _tried("data directory", _home),
        _tried("store", _store),
        _sandbox(),
    ]
    if project is not None:
        findings += _project(project, offline)
    if json:
        emit([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.status:5}  {finding.check}: {finding.detail}")
            if finding.fix:
                say(f"       → {finding.fix}")
    return 1 if any(finding.status == "fault" for finding in findings) else 0


def _tried(check: str, look: Callable[[], str]) -> Finding:
    """What ``look`` saw, or the fault that it met."""
    try:
        return Finding(check, "ok", look())
    except PromptoptError as error:
        place = f"{error.where}: " if error.where else ""
        return Finding(check, "fault", f"{place}{error.what}", error.fix)


def _python() -> Finding:
    return Finding("python", "ok", f"{sys.version.split()[0]}, {sys.executable}")


def _packages() -> Iterator[Finding]:
    from importlib.metadata import PackageNotFoundError, version

    for name in PACKAGES:
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            yield Finding(name, "fault", "not installed", "install promptopt with pip, which brings it")


def _home() -> str:
    from promptopt.store.home import LITTLE_ROOM, home, room

    place = home()
    free = room(place)
    if free < LITTLE_ROOM:
        raise SettingsError(
            f"its disk has {free / 1e6:.1f} MB left, which is too little for a run",
            where=str(place),
            fix="make room, or set PROMPTOPT_HOME to a folder on another disk",
        )
    return str(place)


def _store() -> str:
    from promptopt.store.database import Database
    from promptopt.store.runs import Runs
    from promptopt.store.schema import REVISION

    with closing(Database.open()) as database:
        found = len(Runs(database).list(limit=1000))
        runs = f"{found} runs" if found < 1000 else "1000 runs or more"
        return f"{database.where}, revision {REVISION}, {runs}"


def _sandbox() -> Finding:
    """What holds around the code of checks here; tried, not guessed."""
    from promptopt.evaluation.boxes import what_holds

    try:
        closed, kernel = what_holds()
    except OSError as error:
        return Finding(
            "sandbox", "fault", str(error), "install promptopt with pip, which brings pydantic-monty"
        )
    if kernel:
        return Finding(
            "sandbox", "ok", f"Monty {closed}; full Python behind {' and '.join(kernel)}, and limits"
        )
    return Finding(
        "sandbox",
        "note",
        f"Monty {closed}; full Python behind limits and an audit hook only: this system has no "
        "landlock and no seccomp, so code that wants out gets out",
        'keep to sandbox = "monty", or trust no project whose code you have not read',
    )


def _trust(project: "Project") -> Finding:
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.trust import powers, untrusted

    try:
        cases = load_dataset(project.settings, project.dir).dataset.cases()
        found = powers(project.settings, cases, project.dir)
        missing = untrusted(found)
    except PromptoptError as error:
        return Finding("trust", "fault", error.what, error.fix)
    if missing:
        kinds = ", ".join(dict.fromkeys(power.where for power in missing))
        return Finding(
            "trust", "note", f"not trusted yet: {kinds}", f"promptopt trust {shlex.quote(str(project.path))}"
        )
    return Finding("trust", "ok", "all that it runs or sends is trusted" if found else "it needs none")


def _how_to_trust(project: "Project") -> str:
    return f"promptopt trust {shlex.quote(str(project.path))}"


def _project(reference: str, offline: bool) -> Iterator[Finding]:
    from promptopt.store.projects import find_project, load_project

    loaded: list[Project] = []

    def load() -> str:
        loaded.append(load_project(find_project(reference)))
        return str(loaded[0].path)

    yield _tried("project", load)
    if not loaded:
        return
    project = loaded[0]
    for notice in project.notices:
        yield Finding("project", "note", notice)
    yield from _data(project)
    trust = _trust(project)
    yield trust
    yield _tried("optimizer", lambda: _optimizer(project.settings))
    why_not = Finding("", "note", "not tried: --offline") if offline else None
    for where, role, model in project.settings.every_model():
        yield from _model(where, role, model, project, why_not or _not_to_be_contacted(model, trust, project))


def _not_to_be_contacted(model: "ModelSettings", trust: Finding, project: "Project") -> Finding | None:
    """Why a model's endpoint is not asked whether it answers; None: it may be."""
    from promptopt.store.trust import on_this_machine

    url = model.base_url
    if model.simulated or url is None:
        return None
    if trust.status != "ok" and not on_this_machine(url):
        detail = f"{url} was not contacted: the project that names it is not trusted yet"
        return Finding("", "note", detail, _how_to_trust(project))
    return None


def _data(project: "Project") -> Iterator[Finding]:
    notices: list[str] = []
    yield _tried("cases and checks", lambda: _cases(project, notices))
    for notice in notices:
        yield Finding("cases", "note", notice)


def _cases(project: "Project", notices: list[str]) -> str:
    """The sizes of the splits; what there is to know about the cases is added to ``notices``."""
    from promptopt.domain.dataset import SPLITS
    from promptopt.evaluation.checks import build_judge
    from promptopt.runs.setup import model_of
    from promptopt.store.casefiles import load_dataset

    data = load_dataset(project.settings, project.dir)
    cases, judged = data.dataset.cases(), bool(project.settings.panel)
    judge = build_judge(project.settings, project.dir, cases, optional=judged)
    for role in judge.asks:
        model_of(project.settings, role)
    sizes = ", ".join(f"{len(data.dataset[split])} {split}" for split in SPLITS)
    held_back = "" if data.dataset.held_back else "; too few to hold any back for a sealed test"
    notices += data.notices
    return f"{sizes}{held_back}"


def _optimizer(settings: "ProjectSettings") -> str:
    from promptopt.optimizers import registry

    return registry.make(settings).name


def _model(
    where: str, role: "Role", model: "ModelSettings", project: "Project", why_not: Finding | None
) -> Iterator[Finding]:
    """Key, endpoint and price of a model; ``why_not``: its endpoint is not to be contacted."""
    from promptopt.models.keys import missing_key

    called = where.partition(".")[2]
    name = (
        f"{role} model {model.model}" if called in (role, model.model) else f"judge {called}, {model.model}"
    )
    if model.simulated:
        yield Finding(name, "note", "simulated: its scores say nothing about a real model")
        return
    problem = missing_key(model)
    if problem:
        fix = "set it, or try without any key: promptopt run PROJECT --simulate"
        yield Finding(f"{name}, key", "fault", problem, fix)
    else:
        yield Finding(f"{name}, key", "ok", "there, or none is needed")
    endpoint = f"{name}, endpoint"
    yield replace(why_not, check=endpoint) if why_not else _endpoint(endpoint, model, project.path)
    yield _price(f"{name}, price", where, role, model, project.settings)


def _endpoint(check: str, model: "ModelSettings", project: Path) -> Finding:
    """Whether anything answers there; which answer it is does not matter."""
    import urllib.error
    import urllib.request

    url, variable = _address(model)
    if url is None:
        return Finding(check, "note", "the provider's own; not tried")
    named = f" ({variable})" if variable else ""
    if not url.startswith(("http://", "https://")):
        return Finding(
            check,
            "fault",
            f"found {url!r}{named}",
            f"{variable or 'base_url'} starts with http:// or https://",
        )
    if model.base_url:
        note(f"note: asking {url} whether it answers, because {project} names it; no key is sent")
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT):
            pass
    except urllib.error.HTTPError:
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        own = (variable or "base_url") if model.base_url or variable else ""
        return Finding(
            check, "fault", f"{url}{named} can't be reached ({reason})", _way_to_reach(reason, own)
        )
    return Finding(check, "ok", f"{url}{named} answers")


def _way_to_reach(reason: object, own: str) -> str:
    """What to do about an endpoint that can't be reached; ``own`` is the setting that names it, if any."""
    import ssl

    if isinstance(reason, ssl.SSLCertVerificationError):
        if reason.verify_code in UNKNOWN_AUTHORITY:
            return "name the file with its authority's certificate in the environment variable SSL_CERT_FILE"
        return f"mend the server's certificate{f', or {own}' if own else ''}"
    return f"start the server, or mend {own}" if own else "check the network, or the proxy"


def _address(model: "ModelSettings") -> tuple[str | None, str]:
    """Where calls of a model go, and the environment variable that says so, if one does."""
    from promptopt.models.keys import address_variables, provider_of

    if model.base_url:
        return model.base_url, ""
    provider = provider_of(model.model)
    for variable in address_variables(model.model):
        if os.environ.get(variable):
            return os.environ[variable], variable
    return ENDPOINTS.get(provider), ""


def _price(
    check: str, where: str, role: "Role", model: "ModelSettings", settings: "ProjectSettings"
) -> Finding:
    from promptopt.models.prices import lookup_price

    price = lookup_price(model)
    if price is not None:
        return Finding(check, "ok", f"${price.input:g} in, ${price.output:g} out per million tokens")
    fix = f"give {where}.price = {{ input = …, output = … }} in USD per million tokens"
    limits = settings.budget.limits()
    capped = "usd" in limits or f"{role}_usd" in limits
    said = "unknown, so the cap on USD can't be kept" if capped else "unknown, so cost is not counted"
    return Finding(check, "fault" if capped else "note", said, fix)
