"""From a run to a package for a team, and a deployment that can be watched."""

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from promptopt.domain.errors import SettingsError
from promptopt.enterprise.config import EnterpriseConfig, load_company
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.deployment.criteria import Watched, Wishes
from promptopt.enterprise.deployment.examples import Material, material
from promptopt.enterprise.deployment.offers import Offer, offer_of_run
from promptopt.enterprise.deployment.package import Extras, OnboardingPackage, check_free, package_of
from promptopt.enterprise.deployment.recording import Deployment, record
from promptopt.enterprise.deployment.rollout import RolloutPlan, plan_of
from promptopt.enterprise.deployment.schedules import monitor_line
from promptopt.runs.assets import columns_of
from promptopt.store.database import Database
from promptopt.store.projects import slugify
from promptopt.store.runs import RunRow


@dataclass(frozen=True)
class Deployed:
    """What came of :func:`deploy`: files are written to ``folder`` and, if asked for, to ``packed``."""

    offer: Offer
    deployment: Deployment
    plan: RolloutPlan
    package: OnboardingPackage
    folder: Path
    packed: Path | None


@dataclass(frozen=True)
class Order:
    """What a person asks for.

    Attributes:
        folder: to write to; None is ``deployment-NAME`` here.
        candidate: another prompt than the advice says.
        title: what the team calls it.
        pack: write a zip file beside the folder.
        cases: texts of cases may stand in the package.
    """

    folder: Path | None = None
    candidate: str | None = None
    title: str = ""
    pack: bool = False
    cases: bool = True
    wishes: Wishes = field(default_factory=Wishes)
    context: BusinessContext | None = None


def deploy(database: Database, row: RunRow, order: Order) -> Deployed:
    """Write the package of a run's prompt, and keep the deployment.

    Raises:
        PromptoptError: nothing can be given out of this run, or the folder can't be written.
    """
    offer = offer_of_run(database, row, order.candidate, order.title, order.context)
    folder = order.folder or Path(f"deployment-{slugify(offer.name)}")
    check_free(folder)
    norms = order.context.compliance if order.context else ()
    deployment = record(database, offer, order.wishes.teams, norms)
    plan = plan_of([offer], order.wishes, {offer.name: watched(deployment)})
    extras = extras_of(database, offer, deployment, cases=order.cases)
    package = package_of(offer, plan, extras)
    written = package.write(folder)
    packed = package.zip(folder.parent / f"{folder.name}.zip") if order.pack else None
    return Deployed(offer, deployment, plan, package, written, packed)


def watched(deployment: Deployment) -> Watched:
    """What a plan needs to know of a deployment."""
    return Watched(
        scores=deployment.then,
        per_use=deployment.per_use,
        categories=deployment.categories,
        command=monitor_line(deployment.id),
    )


def extras_of(database: Database, offer: Offer, deployment: Deployment, *, cases: bool = True) -> Extras:
    """What a package needs beside offer and plan.

    Args:
        cases: texts of cases may stand in it.
    """
    prompt, before = offer.given.prompt, offer.before
    before_id = before.prompt.id if before and offer.gives_new else None
    found = material(database, offer.run_id, prompt.id, before_id) if cases else Material()
    return Extras(
        columns=columns_of(database, offer.run_id),
        model=deployment.settings.models["target"],
        cases=found,
        per_use=deployment.per_use,
        deployment=deployment,
    )


def read_company(path: Path) -> tuple[BusinessContext, tuple[str, ...], str]:
    """The context, the teams and the strategy of a company file; a plain one has no teams, and is gradual.

    Raises:
        SettingsError: it can't be read, or something in it can't be used.
    """
    context = load_company(path)
    with suppress(SettingsError):  # a plain file, which tells of no teams
        planned = EnterpriseConfig.load(path).deployment
        return context, planned.target_teams, planned.rollout_strategy
    return context, (), "gradual"
