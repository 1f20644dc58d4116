"""Cases for a scenario, step by step: what is wanted, what it costs, a look at the first, the rest."""

import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from promptopt.data import GeneratedDataset, generated_dataset
from promptopt.domain.errors import PromptoptError, SettingsError
from promptopt.domain.text import sanitize
from promptopt.domain.words import Role
from promptopt.notebook.pumping import pumping
from promptopt.notebook.run import Run
from promptopt.notebook.settingup import found_models
from promptopt.notebook.starting import store
from promptopt.notebook.wizards.asking import Left, Nobody, Sheet, Way, ask, chosen_way
from promptopt.notebook.wizards.business import business_context
from promptopt.notebook.wizards.fields import Values
from promptopt.notebook.wizards.looking import DONE, GO_ON, MORE, decide, ending, page, report_text, texts
from promptopt.notebook.wizards.wishes import Wishes, choosing, shown_name
from promptopt.runs.assembling import Model
from promptopt.runs.generated import generated_by, queue_of
from promptopt.synthetic.scenarios import Scenario, find_scenario

COUNT = 60
FIRST = 6
"""Cases that are looked at before the others are made."""

PAGE = 5
"""Cases on one sheet."""

EVERY = 0.1


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
        picked = self._ask(choosing(first), {"scenario": shown_name(first)})["scenario"]
        wishes = Wishes(first if picked == shown_name(first) else find_scenario(picked), self._seed)
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

    def _refuse_cost(self, wishes: Wishes, values: Values) -> None:
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
            values = self._ask(ending(dataset), {"next": DONE, "project": "", "file": ""})
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
            sheet = page(cases, queue.rating, options, about)
            said = options[0] if len(queue.waiting()) > PAGE else last
            values = self._ask(sheet, {**texts(cases), "next": said})
            if self._nobody:
                return last
            for case in cases:
                decide(queue, case, values)
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
