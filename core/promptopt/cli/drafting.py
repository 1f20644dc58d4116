"""draft, grow: tasks and cases that a model drafts, for a person to confirm."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from promptopt.cli.arguments import ProjectArgument
from promptopt.cli.output import emit, note, say
from promptopt.domain.errors import ModelError

if TYPE_CHECKING:
    from promptopt.domain.compliance import ComplianceSettings
    from promptopt.domain.prompt import Message
    from promptopt.domain.settings import ModelSettings
    from promptopt.synthetic.asking import Given, Quote

Count = Annotated[int, Parameter(validator=Number(gte=1, lte=60))]

_DESCRIPTION = "what the prompt must do, in your words."


@Parameter(name="*")
@dataclass(frozen=True)
class Held:
    """What is held to.

    Attributes:
        profile: gdpr or soc2; give it again for both.
        project: the compliance table of this project holds.
        company: the norms that this company file names hold; examples/acme.yaml comes with the package.
    """

    profile: tuple[str, ...] = ()
    project: str | None = None
    company: str | None = None

    def compliance(self) -> "ComplianceSettings":
        """All of it together; of two the stricter.

        Raises:
            SettingsError: there is no such profile, project or company file.
        """
        from promptopt.domain.compliance import ComplianceSettings
        from promptopt.enterprise.compliance import ComplianceProfile
        from promptopt.enterprise.context import BusinessContext
        from promptopt.store.projects import find_project, load_project

        found = ComplianceSettings()
        if self.project is not None:
            found = load_project(find_project(self.project)).settings.compliance
        norms = BusinessContext.load(self.company).compliance if self.company else ()
        return found.with_norms([*ComplianceProfile(*self.profile).names, *norms])


NOT_HELD = Held()


def _tokens(cases: int) -> int:
    """Tokens that a reply with so many cases may have."""
    return 1024 + 160 * cases


def draft(
    description: Annotated[str, Parameter(name="DESCRIPTION", help=_DESCRIPTION, allow_leading_hyphen=True)],
    /,
    *,
    model: str = "openai/gpt-4o-mini",
    cases: Count = 20,
    held: Held = NOT_HELD,
    save: str | None = None,
    quote: bool = False,
    json: bool = False,
) -> None:
    """Have a model draft a task: a prompt, checks and cases. Look at all of it before you believe a score.

    What it may cost at most is a cap that is never crossed. What the description has of personal data and
    keys is sent as --profile, --project or --company say; --save writes that into the new project, too.

    Args:
        model: who drafts; sim/generator costs nothing.
        cases: how many.
        save: make a project of this name of it.
        quote: only say what it may cost at most; nothing is sent.
        json: print one JSON object.
    """
    from promptopt.domain.settings import ModelSettings
    from promptopt.synthetic.drafting import draft as ask
    from promptopt.synthetic.drafting import drafting

    settings = ModelSettings(model=model, max_tokens=_tokens(cases), timeout=180.0)
    if quote:
        _say_quote(settings, drafting(description, cases), json=json)
        return
    policy = held.compliance()
    made, given = _with_quote(
        settings, drafting(description, cases), lambda: ask(settings, description, cases, policy)
    )
    path = ""
    if save is not None:
        from promptopt.store.newprojects import from_draft

        said = policy.model_dump(mode="json", exclude_unset=True)
        path = str(from_draft(save, {**made.as_json(), "compliance": said}))
    if json:
        emit({**made.as_json(), **asdict(given), "path": path})
        return
    for notice in made.notices:
        note(f"note: {notice}")
    say(f"{made.name}: {made.description}\n\n{made.prompt}\n")
    for check in made.checks:
        say(f"check: {check}")
    _say_cases(made.cases)
    note("nobody has confirmed any of this" + (f"; edit it: {path}" if path else "; --save NAME keeps it"))


def grow(
    project: ProjectArgument,
    /,
    *,
    count: Annotated[int, Parameter(name=("--count", "-n"), validator=Number(gte=1, lte=60))] = 10,
    wish: Annotated[str, Parameter(allow_leading_hyphen=True)] = "",
    model: str | None = None,
    simulate: bool = False,
    quote: bool = False,
    json: bool = False,
) -> None:
    """Have a model make up more cases like a project's training cases. Nothing of the project is changed.

    Args:
        count: how many.
        wish: what they should be like, in words.
        model: who makes them up; without it models.generator of the project, else models.optimizer.
        simulate: the built-in simulator makes them up.
        quote: only say what it may cost at most; nothing is sent.
        json: print one JSON object.
    """
    from promptopt.domain.settings import ModelSettings
    from promptopt.store.casefiles import load_dataset
    from promptopt.store.projects import find_project, load_project
    from promptopt.synthetic.growing import grow as ask
    from promptopt.synthetic.growing import growing

    found = load_project(find_project(project))
    settings = found.settings
    chosen = settings.models.get("generator") or settings.models.get("optimizer")
    named = model is not None and not (chosen and chosen.model == model)  # else its own settings count
    if simulate or named or chosen is None:
        chosen = ModelSettings(model="sim/generator" if simulate or model is None else model)
    chosen = chosen.model_copy(update={"max_tokens": _tokens(count)})
    train = load_dataset(settings, found.dir).dataset.train
    task = settings.task.description or settings.prompt
    asked = growing(task, train, count, wish)
    if quote:
        _say_quote(chosen, asked, json=json)
        return
    made, given = _with_quote(
        chosen, asked, lambda: ask(chosen, task, train, count, wish, settings.compliance)
    )
    if json:
        emit({"cases": made, **asdict(given)})
    else:
        _say_cases(made)


def _with_quote(
    model: "ModelSettings", messages: "Sequence[Message]", work: "Callable[[], tuple[Any, Given]]"
) -> "tuple[Any, Given]":
    from promptopt.models.keys import missing_key
    from promptopt.synthetic.asking import quote

    problem = missing_key(model)
    if problem:
        raise ModelError(problem, where=model.model, fix="set it, or take --model sim/generator to try it")
    note(_in_words(quote(model, messages)))
    return work()


def _say_quote(model: "ModelSettings", messages: "Sequence[Message]", *, json: bool) -> None:
    from promptopt.models.keys import missing_key
    from promptopt.synthetic.asking import quote

    found = quote(model, messages)
    if json:
        emit({**asdict(found), "problem": missing_key(model) or ""})
    else:
        say(_in_words(found))


def _in_words(quote: "Quote") -> str:
    cost = "at an unknown price" if quote.usd is None else f"for at most ${quote.usd:.4f}"
    if quote.simulated:
        cost = "simulated, no cost"
    return f"{quote.model}: at most {quote.calls} calls, {cost}"


def _say_cases(cases: Sequence[dict[str, Any]]) -> None:
    import json

    for case in cases:
        with suppress(ValueError):
            say(json.dumps(case, ensure_ascii=False))
