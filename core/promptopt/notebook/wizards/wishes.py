"""What cases are wanted of a scenario: the forms that ask for it, and what that takes."""

from collections.abc import Mapping
from typing import Any

from promptopt.data import SyntheticDataGenerator
from promptopt.domain import figures as fm
from promptopt.domain.errors import PromptoptError
from promptopt.domain.events import Forecast
from promptopt.domain.settings import ModelSettings
from promptopt.domain.text import one_line
from promptopt.domain.words import Role
from promptopt.notebook.wizards.asking import Sheet
from promptopt.notebook.wizards.fields import Field, Values
from promptopt.synthetic.scenarios import Scenario, scenarios

TITLE = "Cases for a scenario"
MOST = 5000
AT_ONCE = 2
"""Requests under way: with more of them much would be made before anybody has looked."""

DIMENSIONS = ("personas", "difficulties", "situations")


class Wishes:
    """What cases are wanted of a scenario, and what that takes."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self._seed = seed
        self._models: Mapping[Role, Any] = {}
        self._company: Any = None
        self._usd: float | None = None

    def offer(self, models: Mapping[Role, Any], company: Any, usd: float | None) -> None:
        self._models, self._company, self._usd = models, company, usd

    @property
    def simulated(self) -> bool:
        plan = self.generator({"usd": None}).plan(self.scenario, self._company, 1)
        return all(plan.models[role].simulated for role in plan.models if role in self._models)

    def values(self, count: int) -> Values:
        names = {dimension: _names(self.scenario, dimension) for dimension in DIMENSIONS}
        return {
            "count": count,
            "language": self.scenario.language,
            **names,
            "answers": True,
            "usd": self._usd,
        }

    def sheet(self) -> Sheet:
        edge = [facet.name for facet in self.scenario.situations if facet.edge]
        told = {"situations": f"edge cases: {', '.join(edge)}" if edge else ""}
        grid = (
            Field(
                dimension,
                dimension.capitalize(),
                "choices",
                group="What they cover",
                options=_names(self.scenario, dimension),
                required=True,
                help=told.get(dimension, ""),
            )
            for dimension in DIMENSIONS
        )
        fields = (
            Field(
                "count", "Cases", "whole", required=True, least=1, most=MOST, half=True, help=f"1 to {MOST}"
            ),
            Field("language", "Language", required=True, half=True, help="that they are written in"),
            Field("usd", "At most", "number", least=0.000001, half=True, help="USD; empty: no such cap"),
            Field("answers", "Each with a good answer", "yes", half=True),
            *grid,
        )
        return Sheet(
            TITLE,
            fields,
            preview=self._preview,
            previewed="What will be made, and what it takes",
            check=self._check,
            about=f"for {self.scenario.title or self.scenario.name}; nothing is sent before you agree",
            done="Make the first ones",
        )

    def generator(self, values: Mapping[str, Any]) -> SyntheticDataGenerator:
        return SyntheticDataGenerator(self._models, values["usd"], self._seed)

    def asked(self, values: Values) -> tuple[Scenario, Any, int]:
        """Scenario, company and count, as the generator takes them."""
        language = values["language"]
        return self.scenario.model_copy(update={"language": language}), self._company, values["count"]

    def options(self, values: Values) -> dict[str, Any]:
        whole = {dimension: _names(self.scenario, dimension) for dimension in DIMENSIONS}
        chosen = {name: values[name] for name in DIMENSIONS if values[name] != whole[name]}
        return {**chosen, "answers": values["answers"], "at_once": AT_ONCE}

    def quoted(self, values: Values) -> str:
        return _quoted(self.generator(values).quote(*self.asked(values), **self.options(values)))

    def _check(self, values: Values) -> dict[str, str]:
        try:
            found = self.generator(values).quote(*self.asked(values), **self.options(values))
        except PromptoptError as error:
            return {"": str(error)}
        usd, cap = found.total.usd, values["usd"]
        if cap is not None and usd is None:
            return {"usd": "the price of the model is unknown, so no cap in USD can be kept"}
        return {}

    def _preview(self, values: Values) -> str:
        found = self.generator(values).quote(*self.asked(values), **self.options(values))
        cells = 1
        for name in DIMENSIONS:
            cells *= len(values[name])
        lines = [
            f"{fm.plural(values['count'], 'case')} over a grid of "
            f"{len(values['personas'])} personas × {len(values['difficulties'])} difficulties × "
            f"{len(values['situations'])} situations ({cells} cells)",
            f"by {_who(self._models)}",
            _quoted(found),
        ]
        usd, cap = found.total.usd, values["usd"]
        if cap is not None and usd is not None and (usd.likely or usd.low) > cap:
            lines.append(f"the cap of {fm.usd(cap)} is likely to end it before all are made")
        if values["count"] < cells:
            lines.append("not every cell gets a case; each value of a dimension gets its share")
        if self.simulated:
            lines.append("SIMULATED: the cases are made by rules, not by a model")
        return "\n".join(lines)


def choosing(first: Scenario) -> Sheet:
    """Asks which scenario."""
    names = tuple(dict.fromkeys([shown_name(first), *(each.name for each in scenarios())]))
    known = {shown_name(first): first, **{each.name: each for each in scenarios()}}

    def told(values: Values) -> str:
        found = known[values["scenario"]]
        rules = [str(rule.get("description") or rule.get("name")) for rule in found.constraints]
        return "\n".join(
            [found.title or found.name, found.description, f"prompt to start from: {found.prompt.strip()}"]
            + [f"checked: {rule}" for rule in rules]
        )

    field = Field("scenario", "Scenario", "choice", options=names, help="a task that many teams have")
    return Sheet(
        "Scenario", (field,), told, "What it is", done="Next", brief=lambda values: values["scenario"]
    )


def _quoted(found: Forecast) -> str:
    calls, usd = found.total.calls, found.total.usd
    cost = (
        "its price is unknown"
        if usd is None
        else f"{fm.usd(usd.likely)} is likely, {fm.usd(usd.high)} the most"
    )
    likely = "" if calls.likely is None else f"{calls.likely:,.0f} calls are likely, "
    most = "no bound is known" if calls.high is None else f"{calls.high:,.0f} the most"
    return f"{likely}{most}; {cost}"


def _who(models: Mapping[Role, Any]) -> str:
    from promptopt.notebook.colab import settings_of

    named = {role: settings_of(model) for role, model in models.items()}
    return ", ".join(f"{_model(model)} ({role})" for role, model in named.items())


def _model(model: ModelSettings) -> str:
    return one_line(model.model, 60)


def _names(scenario: Scenario, dimension: str) -> tuple[str, ...]:
    return tuple(facet.name for facet in getattr(scenario, dimension))


def shown_name(scenario: Scenario) -> str:
    """How a scenario is called among those to choose from."""
    return scenario.name
