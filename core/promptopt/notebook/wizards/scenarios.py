"""Cases for a scenario, step by step: what is wanted, what it costs, a look at the first, the rest."""

import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from promptopt.data import GeneratedDataset, SyntheticDataGenerator, generated_dataset
from promptopt.domain import figures as fm
from promptopt.domain.dataset import Example
from promptopt.domain.errors import PromptoptError, SettingsError
from promptopt.domain.events import Forecast
from promptopt.domain.results import Interval
from promptopt.domain.settings import ModelSettings
from promptopt.domain.text import one_line, sanitize
from promptopt.domain.words import Role
from promptopt.notebook.pumping import pumping
from promptopt.notebook.run import Run
from promptopt.notebook.settingup import found_models
from promptopt.notebook.starting import store
from promptopt.notebook.wizards.asking import Left, Nobody, Sheet, Way, ask, chosen_way
from promptopt.notebook.wizards.business import business_context
from promptopt.notebook.wizards.fields import Field, Values
from promptopt.runs.assembling import Model
from promptopt.runs.generated import generated_by, queue_of
from promptopt.synthetic.reviewing import with_texts
from promptopt.synthetic.scenarios import Scenario, find_scenario, scenarios

TITLE = "Cases for a scenario"
COUNT = 60
MOST = 5000
FIRST = 6
"""Cases that are looked at before the others are made."""

AT_ONCE = 2
"""Requests under way: with more of them much would be made before anybody has looked."""

PAGE = 5
"""Cases on one sheet."""

EVERY = 0.1
DIMENSIONS = ("personas", "difficulties", "situations")

GO_ON, MORE, DONE = "go on", "look at more cases", "done"


class InteractiveSyntheticWizard:
    """Leads a person from a scenario to a set of cases: by forms in a notebook, else by questions.

    What it takes at most is told before anything is sent. If nobody is there, nobody has agreed to a cost:
    then only the simulator or a model with a budget is asked, for what the arguments say, and that is told.

    Args:
        models: as for ``SyntheticDataGenerator``; default: what was set up for the business, else the first
            provider whose key is found, else the simulator.
        budget: most USD.
        seed: of the grid and the splits.
        company_context: as for ``SyntheticDataGenerator``; default: it is asked for.
        way: ``form``, ``questions`` or ``defaults``; default: the best one here.
    """

    def __init__(
        self,
        models: Model | Mapping[Role, Model] | None = None,
        budget: float | None = None,
        seed: int = 0,
        *,
        company_context: Any = None,
        way: Way | None = None,
    ) -> None:
        self._models = models
        self._budget = budget
        self._seed = seed
        self._company = company_context
        self._wanted_way: Way | None = way
        self._way: Way = "defaults"

    def run_scenario_builder(
        self, scenario: str | Scenario = "customer_support", count: int = COUNT
    ) -> GeneratedDataset:
        """Go through all steps; returns the cases, with a report. They are also in the store, as a run.

        Args:
            scenario, count: what is proposed to the person; taken if nobody is there.

        Raises:
            SettingsError: something can't be used, or nobody is there to agree to a cost.
            ModelError: a key is missing.
            RunError: not one case could be made.
            PromptoptError: it was interrupted; the message says what goes on.
        """
        self._way = chosen_way(self._wanted_way)
        models = self._chosen_models()
        company = self._company if self._company is not None else business_context(way=self._way)
        first = find_scenario(scenario)
        picked = self._ask(_choosing(first), {"scenario": _shown_name(first)})["scenario"]
        wishes = _Wishes(first if picked == _shown_name(first) else find_scenario(picked), self._seed)
        wishes.offer(models, company, self._budget)
        values = self._ask(wishes.sheet(), wishes.values(count))
        self._refuse_cost(wishes, values)
        run = wishes.generator(values).start(
            *wishes.asked(values), live=self._way == "form", **wishes.options(values)
        )
        self._first_look(run, values["count"])
        self._until(run, lambda: False)
        _say_how_it_ended(run)
        return self._finished(run, models)

    # Steps

    @property
    def _nobody(self) -> bool:
        """Nobody is there to be asked, or nobody any more."""
        return self._way == "defaults"

    def _chosen_models(self) -> dict[Role, Any]:
        if self._models is None:
            found, said = found_models()
            print(sanitize(said))
            return {role: found[role] for role in ("generator", "judge") if role in found}
        several = isinstance(self._models, Mapping) and "model" not in self._models
        given: Any = self._models
        return cast("dict[Role, Any]", dict(given) if several else {"generator": given})

    def _ask(self, sheet: Sheet, values: Values) -> Values:
        """What a person says; what is proposed, from where on nobody is there any more."""
        if self._nobody:
            return values
        try:
            return ask(sheet, values, self._way)
        except Nobody:
            self._way = "defaults"
            print(f'nobody is here to be asked any more: "{sheet.title}" stays as it is')
            return values

    def _refuse_cost(self, wishes: "_Wishes", values: Values) -> None:
        if not self._nobody or wishes.simulated or self._budget is not None:
            return
        raise SettingsError(
            f"nobody is here to agree to what it takes ({wishes.quoted(values)})",
            where="run_scenario_builder()",
            fix="give a budget, in USD: InteractiveSyntheticWizard(budget=2)",
        )

    def _first_look(self, run: Run, count: int) -> None:
        """Have the first cases looked at before the others are made."""
        if self._nobody or count <= FIRST:
            return
        self._until(run, lambda: _made(run) >= FIRST)
        if not run.over:
            run.pause("a look at the first cases")
            self._until(run, lambda: run.status == "paused")
        if not _made(run):
            return
        paused = run.status == "paused"
        said = self._review(run, GO_ON, "the others are made then" if paused else "all are made")
        if said == DONE and paused:
            run.stop(now=True)
        elif paused and run.status == "paused":
            run.resume()

    def _finished(self, run: Run, models: Mapping[Role, Any]) -> GeneratedDataset:
        """The report, more cases to look at, and a project."""
        while True:
            dataset = generated_dataset(run.id, store())
            values = self._ask(_ending(dataset), {"next": DONE, "project": "", "file": ""})
            if values["next"] == MORE:
                self._review(run, DONE, "")
                continue
            try:
                _keep(dataset, values, models)
            except PromptoptError as error:
                print(sanitize(f"✗ {error}"))
                if not self._nobody:
                    continue
            return _told(dataset) if self._nobody else dataset

    def _review(self, run: Run, last: str, about: str) -> str:
        """Sheets of cases, until there are no more or the person goes on; returns what they chose last."""
        database = store()
        said = last
        while True:
            found = generated_by(database, run.id)
            queue = queue_of(database, found)
            cases = queue.waiting()[:PAGE]
            if not cases or self._nobody:
                return said
            options = (GO_ON, MORE, DONE) if last == GO_ON else (MORE, DONE)
            sheet = _page(cases, queue.rating, options, about)
            said = options[0] if len(queue.waiting()) > PAGE else last
            values = self._ask(sheet, {**_texts(cases), "next": said})
            if self._nobody:
                return last
            for case in cases:
                _decide(queue, case, values)
            said = values["next"]
            if said != MORE:
                return said

    def _until(self, run: Run, reached: Callable[[], bool]) -> None:
        """Wait until it is over, or something is reached; widgets are heard meanwhile."""
        try:
            with pumping() as turn:
                while not reached() and not run.ended():
                    turn()
                    time.sleep(EVERY)
        except KeyboardInterrupt:
            fix = f'promptopt.attach("{run.id}") shows it; who asks for the same again comes back to it'
            raise Left(
                "the waiting was interrupted; the run goes on", where=f"run {run.id}", fix=fix
            ) from None


class _Wishes:
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


def _choosing(first: Scenario) -> Sheet:
    """Which scenario."""
    names = tuple(dict.fromkeys([_shown_name(first), *(each.name for each in scenarios())]))
    known = {_shown_name(first): first, **{each.name: each for each in scenarios()}}

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


def _page(
    cases: list[Example], rating: Callable[[Example], float | None], options: tuple[str, ...], about: str
) -> Sheet:
    """A sheet of cases to look at."""
    fields: list[Field] = []
    for case in cases:
        score = rating(case)
        real = "" if score is None else f" · realism {score:g} of 10"
        group = f"{case.id} · {', '.join(one_line(tag, 40) for tag in case.tags[:4])}{real}"
        fields.append(Field(f"{case.id}:keep", "Keep it", "yes", group=group))
        fields.append(
            Field(f"{case.id}:input", "Case", "paragraph", group=group, rows=6, required=True, half=True)
        )
        if case.expected is not None:
            fields.append(
                Field(f"{case.id}:expected", "Good answer", "paragraph", group=group, rows=6, half=True)
            )
    fields.append(Field("next", "Then", "choice", group="And then", options=options, help=about))

    def told(values: Values) -> str:
        kept = sum(bool(values[f"{case.id}:keep"]) for case in cases)
        changed = sum(bool(values[f"{case.id}:keep"]) and _edited(case, values) != case for case in cases)
        return f"{kept} of {len(cases)} kept, {changed} of them changed"

    return Sheet(
        "A look at the cases",
        tuple(fields),
        told,
        "What you decide",
        about="Made up: take out what nobody would write, and mend what is wrong.",
        done="Decide",
    )


def _ending(dataset: GeneratedDataset) -> Sheet:
    fields = (
        Field("next", "Then", "choice", options=(DONE, MORE)),
        Field("project", "Save as the project", help="a name; empty: not saved as a project", half=True),
        Field("file", "Save as the file", help="such as cases.jsonl; empty: not saved as a file", half=True),
    )
    return Sheet(
        "The cases are there", fields, lambda _: report_text(dataset), "How good they are", done="Finish"
    )


def report_text(dataset: GeneratedDataset) -> str:
    """The quality report in a few lines."""
    found = dataset.report
    sizes = ", ".join(f"{number} {split}" for split, number in found.sizes.items())
    split = f": {sizes}" if dataset.held_back else ", too few to hold any back for a sealed test"
    lines = [
        f"{fm.plural(found.cases, 'case')}{split}",
        f"quality {found.quality_score:.1f} of 10: {found.verdict}",
        *(f"  {name}: {value:.0%}" for name, value in found.parts.items()),
        _realism(found.realism),
        *(f"- {finding.text}" for finding in found.findings),
    ]
    return "\n".join([*lines, f"SIMULATED, by {dataset.model}"] if dataset.simulated else lines)


def _realism(found: Interval | None) -> str:
    if found is None:
        return "realism: nobody has judged it"
    return f"realism {found.mean:.1f} [{found.low:.1f}, {found.high:.1f}] of 10, by a judge model"


def _texts(cases: list[Example]) -> Values:
    found: Values = {}
    for case in cases:
        found |= {f"{case.id}:keep": True, f"{case.id}:input": case.input_text}
        if case.expected is not None:
            found[f"{case.id}:expected"] = case.expected
    return found


def _edited(case: Example, values: Values) -> Example:
    """The case with what was typed; what was only trimmed is not changed."""
    given, expected = values[f"{case.id}:input"], values.get(f"{case.id}:expected")
    return with_texts(
        case,
        None if given == case.input_text.strip() else given,
        None if expected is None or expected == (case.expected or "").strip() else expected,
    )


def _decide(queue: Any, case: Example, values: Values) -> None:
    if not values[f"{case.id}:keep"]:
        queue.drop(case)
    else:
        queue.edit(case, _edited(case, values))


def _keep(dataset: GeneratedDataset, values: Values, models: Mapping[Role, Any]) -> None:
    if values["file"]:
        print(sanitize(f"saved: {dataset.save(values['file'])}"))
    if values["project"]:
        judge: dict[Role, Any] = {role: model for role, model in models.items() if role == "judge"}
        print(sanitize(f"saved: {dataset.save_project(values['project'], judge)}"))


def _told(dataset: GeneratedDataset) -> GeneratedDataset:
    print(f"nobody was asked; nobody has looked at these cases\n{sanitize(report_text(dataset))}")
    return dataset


def _say_how_it_ended(run: Run) -> None:
    if run.status not in ("finished", "stopped"):
        print(sanitize(f"run {run.id}: {run.status}; what it has made is kept"))


def _made(run: Run) -> int:
    with run.reading() as state:
        return state.generation.done if state.generation else 0


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


def _shown_name(scenario: Scenario) -> str:
    return scenario.name
