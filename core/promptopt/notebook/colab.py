"""Colab, and notebooks like it: keys, cases, a store that survives the machine, results to pass on."""

import atexit
import importlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from promptopt.domain.dataset import Dataset
from promptopt.domain.errors import PromptoptError, SettingsError
from promptopt.domain.secrets import Alternatives
from promptopt.domain.settings import ModelSettings
from promptopt.domain.text import sanitize
from promptopt.domain.words import Role
from promptopt.enterprise.config import EnterpriseConfig
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.environment import EnterpriseEnvironment
from promptopt.models.keys import wanted_keys
from promptopt.notebook import secrets
from promptopt.notebook.host import in_colab
from promptopt.notebook.keeping import Keeper, Snapshot, bring_back
from promptopt.notebook.machine import Machine, fitted, machine
from promptopt.notebook.run import Run
from promptopt.notebook.starting import attach, store
from promptopt.notebook.wizards.asking import Way
from promptopt.reporting.page import page_of
from promptopt.runs.assembling import HasSettings, Model
from promptopt.store.columns import ColumnChoice
from promptopt.store.importing import load_cases
from promptopt.store.projects import find_project, load_project
from promptopt.store.runs import SILENCE, Runs

if TYPE_CHECKING:
    from promptopt.enterprise.case.calculator import BusinessCase
    from promptopt.enterprise.deployment.rollout import RolloutPlan
    from promptopt.enterprise.poc.front import ExecutiveSummary

DRIVE = "/content/drive"
MY_DRIVE = f"{DRIVE}/MyDrive"
FOLDER = "promptopt"
EVERY = 60.0
"""Seconds between two snapshots."""

SHORTEST = 1.0

_KEPT: dict[Path, Keeper] = {}


@dataclass(frozen=True)
class Recovered:
    """What came back.

    Attributes:
        snapshot: that was taken.
        runs: that were under way then, and go on now.
        left: those that do not, by id, and why.
    """

    snapshot: Snapshot
    runs: tuple[Run, ...]
    left: Mapping[str, str]

    def __repr__(self) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.snapshot.made_at))
        lines = [f"the store of {when} is back"]
        lines += [f"run {run.id} goes on" for run in self.runs]
        lines += [f"run {run_id} does not go on: {sanitize(why)}" for run_id, why in self.left.items()]
        lines.append(
            "answers in the snapshot are not asked for again; what was answered after it is lost, and"
        )
        lines.append("asked and paid for once more")
        return "\n".join(lines)


class ColabManager:
    """What a hosted notebook needs beside the engine. Outside Colab each method does what is sensible.

    Its methods may wait for a person, so none is for a running event loop.
    """

    @property
    def machine(self) -> Machine:
        """What the machine has."""
        return machine()

    def setup_secrets(
        self,
        names: Sequence[str] | None = None,
        *,
        project: str | Path | None = None,
        models: Model | Mapping[Role, Model] | None = None,
        ask: bool = True,
    ) -> secrets.Secrets:
        """See that the keys are in this program's environment, from where workers inherit them.

        Looked for in the environment, Colab's secrets, the system's keyring (service ``promptopt``), and at
        last asked for in a field that does not show what is typed. No value is shown, returned or stored.

        Args:
            names: of environment variables; default: those that ``project`` and ``models`` need.
            project: name or path of a project.
            models: one model, or models by role, as for :func:`promptopt.start`.
            ask: ask for what is found nowhere.

        Raises:
            SettingsError: a name that is none, or nothing that tells which keys.
        """
        if names is None and project is None and models is None:
            raise SettingsError(
                "nothing tells which keys are needed",
                where="setup_secrets()",
                fix='give names, as in ["OPENAI_API_KEY"], or project=…, or models="openai/gpt-4o-mini"',
            )
        groups = secrets.named(names or [])
        groups += [wanted for each in _models(project, models) if (wanted := wanted_keys(each))]
        return secrets.set_up(_distinct(groups), ask=ask)

    def setup_enterprise_environment(
        self,
        config: EnterpriseConfig | Mapping[str, Any] | str | Path | None = None,
        models: Model | Mapping[Role, Model] | None = None,
        *,
        ask: bool = True,
    ) -> EnterpriseEnvironment:
        """Set this program up for a business, and print what is there and what is missing. It spends nothing.

        Keys as :meth:`setup_secrets`; without ``models`` the first provider whose key is found gives them,
        and the simulator if there is none. In Colab what was kept on Drive comes back (no run goes on by
        itself), and is kept from then on. What is built for a business after that takes what is returned as
        its default.

        Args:
            config: an enterprise configuration, or its file; ``examples/acme.yaml`` comes with the package.
            models: one model for all roles, or models by role; a role that is left out gets one of them.
            ask: ask for a key that is found nowhere, for the models that are named.

        Raises:
            SettingsError: a configuration or a model that can't be used.
        """
        from promptopt.notebook.settingup import set_up

        return set_up(self, config, models, ask=ask)

    def create_business_context_wizard(
        self,
        defaults: BusinessContext | Mapping[str, Any] | str | Path | None = None,
        path: str | Path | None = None,
        *,
        way: Way | None = None,
    ) -> BusinessContext:
        """Ask a person who the business is: by a form in the cell, else by questions; waits for the answer.

        If nobody is there to be asked, ``defaults`` are taken, and that is said.

        Args:
            defaults: what the fields begin with: a context, a table, a company file. Default: what ``path``
                has, else the organization that was set up, else the company that comes with the package.
            path: a file to take it from if it is there, and to save it to.
            way: ``form``, ``questions`` or ``defaults``; default: the best one here.

        Raises:
            PromptoptError: it was interrupted, a file can't be used, or there is no such way here.
        """
        from promptopt.notebook.wizards.business import business_context

        return business_context(defaults, path, way=way)

    def upload_dataset(
        self, path: str | Path | None = None, *, expected: str | None = None, inputs: Sequence[str] = ()
    ) -> Dataset:
        """Cases from a file: uploaded through the browser in Colab, else by a path, given or asked for.

        What was taken for what, and what is odd about the cases, is printed.

        Args:
            path: a file or folder that is on this machine already.
            expected, inputs: columns, where their names do not tell.

        Raises:
            SettingsError: nothing was chosen, or the file can't be used.
        """
        chosen = Path(path).expanduser() if path is not None else _uploaded() if in_colab() else _asked()
        loaded, notices = load_cases(chosen, ColumnChoice(tuple(inputs), expected))
        data = loaded.dataset
        for notice in (*notices, *loaded.notices):
            print(sanitize(f"note: {notice}"))
        print(
            f"{len(data)} cases: "
            f"{len(data.train)} train, {len(data.validation)} validation, {len(data.test)} test"
        )
        return data

    def save_to_drive(self, folder: str | Path = FOLDER, *, every: float = EVERY) -> Keeper:
        """Keep copies of the store and the projects in a folder: now, again and again, and at the end.

        The store itself stays on the local disk: SQLite on a mounted drive breaks. A copy is one whole,
        consistent file; of two the older one stands in if the newer one is broken. :meth:`recover` brings it
        back.

        Args:
            folder: in Colab within your Drive, which is mounted if need be; elsewhere any folder.
            every: seconds between two copies; there is none while nothing is new.

        Raises:
            SettingsError: the folder can't be written, or ``every`` is less than a second.
        """
        if every < SHORTEST:
            fix = f"give {SHORTEST:g} or more"
            raise SettingsError(
                f"found {every:g} seconds between two copies", where="save_to_drive()", fix=fix
            )
        where = place(folder)
        known = _KEPT.pop(where, None)
        if known is not None:
            known.stop()
            atexit.unregister(known.stop)
        keeper = _KEPT[where] = Keeper(where, every)
        atexit.register(keeper.stop)
        print(f"saved: {sanitize(str(keeper.last.path))}; again every {every:g} s while anything is new")
        return keeper

    def recover(
        self, folder: str | Path = FOLDER, *, resume: bool = True, replace: bool = False
    ) -> Recovered:
        """Bring the newest copy back after the machine was taken away, and go on with what was under way.

        Nothing that was answered by then is paid for again. What was answered after it is lost.

        Args:
            folder: as for :meth:`save_to_drive`.
            resume: let runs go on.
            replace: also if there are runs here already; they are gone then.

        Raises:
            SettingsError: there is no copy.
            RunError: there are runs here already.
        """
        snapshot, said = bring_back(place(folder), replace=replace)
        for line in said:
            print(f"note: {line}")
        left = {} if resume else dict.fromkeys(snapshot.live, "it was not asked to; run.resume() does it")
        runs: list[Run] = []
        for run_id in snapshot.live if resume else ():
            try:
                runs.append(_resumed(run_id))
            except PromptoptError as error:
                left[run_id] = str(error)
        return Recovered(snapshot, tuple(runs), left)

    def create_shareable_results(self, run: Run | str = "latest", path: str | Path | None = None) -> Path:
        """Write a run as one HTML file that needs nothing else; in Colab the browser downloads it.

        Args:
            run: a run, or its id.
            path: of the file; default: ``promptopt-RUN.html`` in the current folder. One that is there is
                replaced.

        Raises:
            RunError: there is no such run.
            SettingsError: the file can't be written.
        """
        found = run if isinstance(run, Run) else attach(run, live=False)
        target = Path(path if path is not None else f"promptopt-{found.id}.html").expanduser()
        try:
            target.write_bytes(page_of(store(), found.id).encode("utf-8", "replace"))
        except OSError as error:
            raise SettingsError(f"the file can't be written: {error.strerror}", where=str(target)) from error
        if in_colab():
            _colab("files").download(str(target))
        return target

    def create_shareable_executive_dashboard(
        self,
        business_case: "ExecutiveSummary | BusinessCase",
        deployment_plan: "RolloutPlan | None" = None,
        path: str | Path | None = None,
    ) -> Path:
        """Write business case and roll-out plan as one HTML file that needs nothing else.

        In Colab the browser downloads it. Returns its path.

        Args:
            business_case: what ``EnterprisePOC.create_executive_summary()`` or a calculator gave.
            deployment_plan: what ``create_team_rollout_strategy()`` gave.
            path: of the file; default: ``executive-dashboard.html`` in the current folder. One that is there
                is replaced.

        Raises:
            SettingsError: it is no business case, or the file can't be written.
        """
        from promptopt.enterprise.poc.writing import page_for

        target = Path(path if path is not None else "executive-dashboard.html").expanduser()
        page = page_for(business_case, deployment_plan)
        try:
            target.write_bytes(page.encode("utf-8", "replace"))
        except OSError as error:
            raise SettingsError(f"the file can't be written: {error.strerror}", where=str(target)) from error
        if in_colab():
            _colab("files").download(str(target))
        return target

    def fit(self, models: Mapping[str, Mapping[str, Any] | str]) -> dict[str, dict[str, Any]]:
        """Models by role with as many calls at once as this machine should make; says so if they are fewer.

        A small machine, as Colab's free tier, has two cores: it makes fewer calls at once.
        """
        tables = {role: {"model": one} if isinstance(one, str) else one for role, one in models.items()}
        made, said = fitted(tables, self.machine)
        if said:
            print(said)
        return made

    def link(self, port: int) -> str:
        """The address under which the page reaches a server of this machine: in Colab through its proxy."""
        if not in_colab():
            return f"http://127.0.0.1:{int(port)}/"
        return str(_colab("output").eval_js(f"google.colab.kernel.proxyPort({int(port)})"))


def _colab(module: str) -> Any:
    return importlib.import_module(f"google.colab.{module}")


def _models(project: str | Path | None, models: Any) -> list[ModelSettings]:
    found: list[ModelSettings] = []
    if project is not None:
        found += [model for *_, model in load_project(find_project(str(project))).settings.every_model()]
    if models is None:
        return found
    given: list[Any] = [models]
    if isinstance(models, Mapping) and "model" not in models:
        given = list(cast("Mapping[str, Any]", models).values())
    return found + [settings_of(model) for model in given]


def settings_of(model: Any) -> ModelSettings:
    """The settings of a model that was given as a name, a table, settings or a client."""
    if isinstance(model, HasSettings):
        return model.settings
    if isinstance(model, ModelSettings):
        return model
    return ModelSettings.model_validate({"model": model} if isinstance(model, str) else model)


def _distinct(groups: Sequence[Alternatives]) -> list[Alternatives]:
    return list(dict.fromkeys(groups))


def _uploaded() -> Path:
    names = list(_colab("files").upload())
    if len(names) != 1:
        raise SettingsError(
            f"{len(names)} files were uploaded, expected one",
            where="upload_dataset()",
            fix="choose one file; a folder is taken by its path: upload_dataset(path)",
        )
    return Path(names[0])


def _asked() -> Path:
    try:
        said = input("path of the file of cases: ").strip()
    except (EOFError, OSError, NotImplementedError):
        said = ""
    if not said:
        raise SettingsError(
            "no file was named", where="upload_dataset()", fix="give its path: upload_dataset(path)"
        )
    return Path(said).expanduser()


def place(folder: str | Path) -> Path:
    """Where a folder is: in Colab within Drive, which is mounted; else from the current folder on."""
    wanted = Path(folder).expanduser()
    if not in_colab():
        return wanted.absolute()
    if not Path(MY_DRIVE).is_dir():
        _colab("drive").mount(DRIVE)
    return wanted if wanted.is_absolute() else Path(MY_DRIVE) / wanted


def _resumed(run_id: str) -> Run:
    """The run, once it is sure that its old worker is silent, and a new one is at it."""
    rows, deadline = Runs(store()), time.monotonic() + SILENCE + 1
    while rows.find(run_id).live and time.monotonic() < deadline:
        time.sleep(0.1)
    settings = rows.settings(run_id)
    rules = settings.task.constraints
    if any(check.type == "python" for check in settings.checks) or any(rule.validator for rule in rules):
        raise SettingsError(
            "functions of its program judge it", fix="the cell that started it goes on with it"
        )
    run = Run(store(), run_id)
    run.resume()
    return run
