"""Fronts for programs: giving prompts to a team, and looking after them."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.prompt import Prompt
from promptopt.enterprise.adoption.metrics import AdoptionMetrics, adoption_of
from promptopt.enterprise.adoption.monthly import MonthlyROIReport, monthly_report
from promptopt.enterprise.adoption.usage import UsageLog, read_usage
from promptopt.enterprise.case.assumptions import Assumptions
from promptopt.enterprise.config import EnterpriseConfig
from promptopt.enterprise.context import BusinessContext
from promptopt.enterprise.deployment.criteria import Watched, Wishes
from promptopt.enterprise.deployment.deploying import extras_of, watched
from promptopt.enterprise.deployment.offers import Offer, offer_of
from promptopt.enterprise.deployment.package import (
    Extras,
    OnboardingPackage,
    package_of,
    package_of_several,
)
from promptopt.enterprise.deployment.recording import Deployment, found, prepare
from promptopt.enterprise.deployment.rollout import RolloutPlan, plan_of, strategy_of
from promptopt.enterprise.deployment.schedules import monitor_line, schedules
from promptopt.enterprise.monitoring.dashboard import dashboard
from promptopt.enterprise.monitoring.looks import Look, history_of
from promptopt.store.database import Database
from promptopt.store.deployments import Deployments
from promptopt.store.projects import slugify

Prompts = Mapping[str, Prompt] | Prompt
"""Name to prompt; or one prompt, whose name is that of its task."""


@dataclass(frozen=True)
class MonitoringDashboard:
    """What keeps an eye on prompts in use.

    Attributes:
        deployments: by name.
        commands: the line that monitors each.
        files: of each, file name to text: README and what schedulers want.
    """

    deployments: Mapping[str, Deployment]
    commands: Mapping[str, str]
    files: Mapping[str, Mapping[str, str]]

    def history(self, name: str) -> list[Look]:
        """What was found so far, oldest first."""
        with closing(Database.open()) as database:
            return history_of(Deployments(database).history(self._of(name).id))

    def html(self, name: str) -> str:
        """The history of one as a page that loads nothing."""
        return dashboard(self._of(name), self.history(name))

    def _of(self, name: str) -> Deployment:
        if name not in self.deployments:
            raise SettingsError(f"there is no {name!r} here", fix=f"there are {', '.join(self.deployments)}")
        return self.deployments[name]


class TeamDeploymentManager:
    """Plans, material and monitoring for prompts that a team is to use.

    Args:
        config: of the business, or its file: teams, strategy and the norms that it keeps to are taken from
            it; monitoring is held to those that a profile covers.
        teams, strategy, owner, start: in their place; see ``enterprise.deployment.criteria.Wishes``.
        business_context: of the templates; default: that of each prompt's metadata.

    Raises:
        SettingsError: a configuration or a strategy that can't be used.
    """

    def __init__(
        self,
        config: EnterpriseConfig | Mapping[str, Any] | str | Path | None = None,
        *,
        teams: tuple[str, ...] | list[str] = (),
        strategy: str = "",
        owner: str = "",
        start: Any = None,
        business_context: BusinessContext | Mapping[str, Any] | None = None,
    ) -> None:
        loaded = EnterpriseConfig.of(config) if config is not None else None
        planned = loaded.deployment if loaded else None
        self._norms = loaded.organization.compliance if loaded else ()
        self._context = business_context
        self.wishes = Wishes(
            teams=tuple(teams) or (planned.target_teams if planned else ()),
            strategy=strategy_of(strategy or (planned.rollout_strategy if planned else "gradual")),
            owner=owner,
            start=start,
        )
        self._prepared_ones: dict[tuple[str, str], Deployment] = {}
        self._kept: set[str] = set()

    def create_rollout_plan(self, optimized_prompts: Prompts) -> RolloutPlan:
        """A phased plan with figures that stop it; what is not proven to be better is advised against."""
        offers = self._offers(optimized_prompts)
        return plan_of(offers, self.wishes, self._watched(offers))

    def generate_training_materials(self, prompts: Prompts) -> dict[str, dict[str, str]]:
        """By name: reference card, training guide, exercises with real cases, script of a video."""
        return {
            name: {key.removeprefix("training/"): text for key, text in files.items()}
            for name, files in self._files(prompts, "training/").items()
        }

    def setup_performance_monitoring(self, prompts: Prompts) -> MonitoringDashboard:
        """Keep each prompt as a deployment, and tell how it is monitored.

        Raises:
            RunError: a prompt has no figure, or its run is not in this store.
        """
        kept = {offer.name: self._deployed(offer) for offer in self._offers(prompts)}
        return MonitoringDashboard(
            deployments=kept,
            commands={name: monitor_line(one.id) for name, one in kept.items()},
            files={name: schedules(one) for name, one in kept.items()},
        )

    def create_package(self, optimized_prompts: Prompts) -> OnboardingPackage:
        """All that a team needs, as files; ``write(folder)`` or ``zip(file)`` keeps it."""
        offers = self._offers(optimized_prompts)
        plan = plan_of(offers, self.wishes, self._watched(offers))
        extras = {offer.name: self._extras(offer, kept=True) for offer in offers}
        if len(offers) == 1:
            return package_of(offers[0], plan, extras[offers[0].name])
        folders: dict[str, str] = {}
        for offer in offers:
            base = slugify(offer.name)
            taken = sum(folder.partition("~")[0] == base for folder in folders.values())
            folders[offer.name] = f"{base}~{taken + 1}" if taken else base
        return package_of_several(offers, plan, extras, folders)

    def _offers(self, prompts: Prompts) -> list[Offer]:
        if isinstance(prompts, Prompt):
            return [offer_of(prompts, context=self._context)]
        if not isinstance(prompts, Mapping) or not prompts:  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SettingsError("there is no prompt", fix="give a table of name and prompt, or one prompt")
        return [offer_of(one, str(name), context=self._context) for name, one in prompts.items()]

    def _files(self, prompts: Prompts, inside: str) -> dict[str, dict[str, str]]:
        made: dict[str, dict[str, str]] = {}
        for offer in self._offers(prompts):
            plan = plan_of([offer], self.wishes)
            files = package_of(offer, plan, self._extras(offer)).files
            made[offer.name] = {name: text for name, text in files.items() if name.startswith(inside)}
        return made

    def _watched(self, offers: list[Offer]) -> dict[str, Watched]:
        found = {offer.name: self._prepared(offer) for offer in offers}
        return {name: watched(one) for name, one in found.items() if one is not None}

    def _extras(self, offer: Offer, *, kept: bool = False) -> Extras:
        one = self._prepared(offer)
        if one is None:
            return Extras(columns=tuple(offer.subject.columns))
        with closing(Database.open()) as database:
            return extras_of(database, offer, self._deployed(offer) if kept else one)

    def _prepared(self, offer: Offer) -> Deployment | None:
        """What would be kept of an offer; None if its run is not in this store, or it has no figure."""
        key = (offer.name, offer.given.prompt.id)
        if key not in self._prepared_ones and offer.run_id:
            try:
                with closing(Database.open()) as database:
                    self._prepared_ones[key] = prepare(database, offer, self.wishes.teams, self._named(offer))
            except RunError:
                return None
        return self._prepared_ones.get(key)

    def _named(self, offer: Offer) -> tuple[str, ...]:
        """The norms that configuration and context name."""
        given = self._context
        if given is None:
            return (*self._norms, *offer.subject.context.compliance)
        return (*self._norms, *BusinessContext.of(given).compliance)

    def _deployed(self, offer: Offer) -> Deployment:
        """The deployment of an offer: one for each prompt and name, however often it is asked for."""
        one = self._prepared(offer)
        if one is None:
            raise RunError(
                f"the prompt {offer.given.prompt.id} has no figure in this store to see a fall against",
                fix="give what optimize() returned, where its run is",
            )
        if one.id not in self._kept:
            with closing(Database.open()) as database:
                Deployments(database).create(one.row)
            self._kept.add(one.id)
        return one


class EnterpriseDeploymentPipeline:
    """From optimized prompts to a team that uses them, month by month.

    Args:
        config, how: as for :class:`TeamDeploymentManager`.
    """

    def __init__(
        self, config: EnterpriseConfig | Mapping[str, Any] | str | Path | None = None, **how: Any
    ) -> None:
        self.manager = TeamDeploymentManager(config, **how)

    def create_team_onboarding_package(self, optimized_prompts: Prompts) -> OnboardingPackage:
        """All that a team needs, as files; ``write(folder)`` or ``zip(file)`` keeps it."""
        return self.manager.create_package(optimized_prompts)

    def track_adoption_metrics(
        self,
        deployment: Deployment | str,
        usage: UsageLog | str | Path,
        *,
        team_size: int | None = None,
        team_sizes: Mapping[str, int] | None = None,
        called: Sequence[str] = (),
    ) -> AdoptionMetrics:
        """Who uses a deployed prompt, by a usage log; nobody is named.

        Args:
            deployment: or its id, a part of it, its name, or ``latest``.
            usage: a log, or its file.
            called: names that the log has for the deployed prompt, beside its ids and its name.

        Raises:
            PromptoptError: there is no such deployment, or the log can't be read.
        """
        one = _deployment(deployment)
        names = [one.row.prompt_id, one.id, one.name, *called]
        return adoption_of(_log(usage), sizes=team_sizes, size=team_size, deployed=names)

    def generate_monthly_roi_report(
        self, deployment_data: Mapping[str, Any] | Deployment | str, **given: Any
    ) -> MonthlyROIReport:
        """The report of a month: uses, monitoring, and what both are worth, as ranges.

        Args:
            deployment_data: a table with ``deployment``, ``usage`` (a log or its file), and perhaps
                ``month``, ``assumptions`` (those, a table of changes, or a file), ``team_size``,
                ``team_sizes``, ``called`` (names of the prompt in the log); or a deployment, with the rest
                as ``given``.

        Raises:
            PromptoptError: something of it can't be used.
        """
        table: dict[str, Any] = {**given}
        if isinstance(deployment_data, Mapping):
            table |= deployment_data
        else:
            table["deployment"] = deployment_data
        known = {"deployment", "usage", "month", "assumptions", "team_size", "team_sizes", "called"}
        if unknown := set(table) - known:
            listed = ", ".join(sorted(map(repr, unknown)))
            raise SettingsError(f"there is no {listed}", fix=f"there are {', '.join(sorted(known))}")
        one = _deployment(table.get("deployment", "latest"))
        with closing(Database.open()) as database:
            looks = history_of(Deployments(database).history(one.id))
        usage = table.get("usage")
        return monthly_report(
            one,
            None if usage is None else _log(usage),
            looks,
            str(table.get("month") or ""),
            assumptions=_assumptions(table.get("assumptions")),
            sizes=table.get("team_sizes"),
            size=table.get("team_size"),
            called=_names(table.get("called")),
        )


def _deployment(given: Deployment | str) -> Deployment:
    if isinstance(given, Deployment):
        return given
    with closing(Database.open()) as database:
        return found(database, str(given))


def _log(given: UsageLog | str | Path) -> UsageLog:
    return given if isinstance(given, UsageLog) else read_usage(Path(given))


def _names(given: Any) -> list[str]:
    return [given] if isinstance(given, str) else list(given or ())


def _assumptions(given: Any) -> Assumptions | None:
    if given is None or isinstance(given, Assumptions):
        return given
    if isinstance(given, Mapping):
        return Assumptions.of().changed(cast("Mapping[str, Any]", given))
    return Assumptions.load(Path(given))
