"""Who a business is, and what its prompts must keep to: asked of a person, or those of a made-up company."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from promptopt.domain.text import sanitize
from promptopt.enterprise import packs
from promptopt.enterprise.context import BusinessContext
from promptopt.examples import company_path
from promptopt.notebook.wizards.asking import Files, Nobody, Sheet, Way, ask, chosen_way
from promptopt.notebook.wizards.fields import Field, Values, completed
from promptopt.store.textfiles import is_file
from promptopt.store.validation import judge

WHO, HOW, RULES = "The business", "How it speaks", "Checked in every output"

FIELDS = (
    Field("company", "Company", required=True, group=WHO, half=True),
    Field("industry", "Industry", group=WHO, half=True, help="in a few words"),
    Field("about", "About", "paragraph", group=WHO, rows=4, help="what it does, for whom, how large it is"),
    Field("products", "Products", "list", group=WHO, half=True, rows=4, help="what it sells or makes"),
    Field("compliance", "Compliance", "list", group=WHO, half=True, rows=4, help="such as GDPR"),
    Field("audience", "Readers", group=HOW, help="whom the outputs are for"),
    Field(
        "tone", "Tone", group=HOW, options=tuple(packs.TONES), help="one that is offered, or your own words"
    ),
    Field("values", "Stands for", "list", group=HOW, rows=2, help="what it holds dear"),
    Field("max_words", "Most words", "whole", group=RULES, least=1, help="empty: no limit"),
    Field("forbidden_words", "Never says", "list", group=RULES, half=True, help="words and phrases"),
    Field("required_phrases", "Always says", "list", group=RULES, half=True, help="phrases"),
    Field("strict", "An output that breaks one of these is worth nothing", "yes", group=RULES),
)


def business_context(
    defaults: "BusinessContext | Mapping[str, Any] | str | Path | None" = None,
    path: str | Path | None = None,
    *,
    way: Way | None = None,
) -> BusinessContext:
    """Have a person say who the business is; see ``ColabManager.create_business_context_wizard``."""
    taken = chosen_way(way)
    start, source = _start(defaults, path)
    desk = _Desk(start)
    try:
        made = desk.made(ask(desk.sheet(str(path or "")), desk.values(), taken))
    except Nobody:
        _say_that_nobody_was_asked(start, source)
        return start
    if path is not None and taken == "form":
        print(sanitize(f"saved: {made.save(path)}"))
    return made


class _Desk:
    """A context that is being filled in: what has no field stays as it was."""

    def __init__(self, base: BusinessContext) -> None:
        self._base = base

    def sheet(self, path: str) -> Sheet:
        return Sheet(
            title="Business context",
            fields=FIELDS,
            preview=lambda values: self.made(values).text(),
            previewed="What a model will be told",
            check=self.flaws,
            about="What prompts are written for, and what they must keep to. Nothing is sent anywhere here.",
            files=Files(path, self.load, lambda values, name: str(self.made(values).save(name))),
        )

    def values(self) -> Values:
        return completed(FIELDS, self._base.model_dump())

    def load(self, path: str) -> Values:
        self._base = BusinessContext.load(path)
        return self.values()

    def made(self, values: Values) -> BusinessContext:
        return BusinessContext.of(self._table(values))

    def flaws(self, values: Values) -> dict[str, str]:
        """What is wrong with the whole, by field where one can be told."""
        _, flaws, _ = judge(BusinessContext, self._table(values))
        keys = {field.key for field in FIELDS}
        places = (str(flaw.keys[0]) if flaw.keys and flaw.keys[0] in keys else "" for flaw in flaws)
        return {place: flaw.text for place, flaw in zip(places, flaws, strict=True)}

    def _table(self, values: Values) -> Values:
        keys = {field.key for field in FIELDS}
        own = self._base.model_dump(exclude_unset=True)
        table = {key: value for key, value in own.items() if key not in keys}
        if values["company"] != self._base.company:
            table.pop("example", None)  # it is no made-up company any more
        table |= {key: value for key, value in values.items() if value not in (None, "", (), False)}
        if values["tone"]:
            table["tone"] = packs.TONES.get(values["tone"], values["tone"])
        return table


def _start(
    defaults: "BusinessContext | Mapping[str, Any] | str | Path | None", path: str | Path | None
) -> tuple[BusinessContext, str]:
    """What the fields begin with, and where that comes from, in words."""
    if isinstance(defaults, str | Path):
        return BusinessContext.load(defaults), f"what {defaults} says"
    if defaults is not None:
        return BusinessContext.of(defaults), "what was given as defaults"
    if path is not None and is_file(Path(path).expanduser()):
        return BusinessContext.load(path), f"what {path} says"
    from promptopt.enterprise.environment import current

    found = current()
    if found is not None and found.config is not None:
        return found.config.context(), "the organization of the configuration"
    return BusinessContext.load(company_path()), "the example company that comes with promptopt"


def _say_that_nobody_was_asked(context: BusinessContext, source: str) -> None:
    label = f"{context.company} (made up)" if context.example else context.company or "no company"
    print(sanitize(f"nobody is here to be asked: taken is {source}: {label}"))
    print(
        "to say who you are: create_business_context_wizard(path='company.yaml') in a notebook or a terminal"
    )
