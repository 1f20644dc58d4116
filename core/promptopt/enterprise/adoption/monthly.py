"""The report of a month: uses of the log, looks of the monitoring, and what both are worth, as ranges."""

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.markdown import inline
from promptopt.domain.text import one_line
from promptopt.enterprise.adoption.metrics import AdoptionMetrics, adoption_of, is_deployed, strangers
from promptopt.enterprise.adoption.usage import UsageLog
from promptopt.enterprise.case.assumptions import Assumptions
from promptopt.enterprise.case.calculator import BusinessCase, EnterpriseROICalculator
from promptopt.enterprise.case.draws import draw
from promptopt.enterprise.case.evidence import Evidence
from promptopt.enterprise.case.gathering import evidence_of
from promptopt.enterprise.case.money import YEAR, money
from promptopt.enterprise.case.quantity import Quantity
from promptopt.enterprise.case.ranges import Range
from promptopt.enterprise.deployment.pages import page
from promptopt.enterprise.deployment.recording import Deployment
from promptopt.enterprise.monitoring.looks import Look
from promptopt.enterprise.subject import SIMULATED
from promptopt.store.database import Database

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True)
class Figure:
    """A figure in words, and where it comes from."""

    what: str
    shown: str
    source: str


@dataclass(frozen=True)
class MonthlyROIReport:
    """A month of a prompt in use.

    Attributes:
        month: as ``2026-11``.
        usage: of the month; None if nobody used it.
        looks: of the month, oldest first.
        net_benefit: USD of the month without the set-up, as a range; None if there is no evidence.
        money: its parts, likewise; each with its source.
        assumptions: what the money rests on: name in words, range, reason.
        recommendations: what to do, and why.
        notes: what limits it.
        case: a year of such months; None if nobody used it, or it has fallen.
    """

    deployment_id: str
    name: str
    month: str
    simulated: bool
    usage: AdoptionMetrics | None
    looks: tuple[Look, ...]
    net_benefit: Range | None
    money: tuple[Figure, ...]
    assumptions: tuple[Figure, ...]
    recommendations: tuple[str, ...]
    notes: tuple[str, ...]
    case: BusinessCase | None = field(default=None, repr=False, compare=False)

    def as_json(self) -> dict[str, Any]:
        """In JSON values."""
        return {
            "deployment_id": self.deployment_id,
            "name": self.name,
            "month": self.month,
            "simulated": self.simulated,
            "usage": self.usage.as_json() if self.usage else None,
            "looks": [look.as_json() for look in self.looks],
            "net_benefit": self.net_benefit.model_dump() if self.net_benefit else None,
            "money": [asdict(one) for one in self.money],
            "assumptions": [asdict(one) for one in self.assumptions],
            "recommendations": list(self.recommendations),
            "notes": list(self.notes),
        }

    def markdown(self) -> str:
        """As a document."""
        lines = [f"# {inline(self.name)}: report of {self.month}", ""]
        lines += [f"**Simulated.** Its figures come from {SIMULATED}.", ""] if self.simulated else []
        lines += ["## What to do", "", *_bullets(self.recommendations), ""]
        lines += ["## What it was worth", "", *_table(self.money), ""]
        lines += [
            "## How it was used",
            "",
            *_bullets(self.usage.lines() if self.usage else ["Nobody used it."]),
        ]
        lines += ["", "## What the monitoring said", "", *_bullets(self.looked()), ""]
        lines += ["## What this rests on", "", *_table(self.assumptions), ""] if self.assumptions else []
        lines += ["## To know", "", *_bullets(self.notes)] if self.notes else []
        return "\n".join(lines).rstrip() + "\n"

    def looked(self) -> list[str]:
        """The looks of the month in words."""
        label = ", simulated" if self.simulated else ""
        return [
            f"{time.strftime('%Y-%m-%d', time.localtime(look.at))}: {look.verdict}, {look.score:.1%} "
            f"[{look.low:.1%}, {look.high:.1%}] on {look.cases} fresh cases{label} (run {look.run_id})"
            for look in self.looks
        ] or ["Nobody looked. promptopt monitor tells whether the prompt still does what its test showed."]

    def html(self) -> str:
        """As one page that loads nothing."""
        return page("monthly.html.j2", report=self, simulated=SIMULATED)

    def write(self, folder: str | Path) -> list[Path]:
        """Write it as Markdown, HTML and JSON into a folder, made if it is not there; returns the files.

        With openpyxl (``promptopt[reports]``) also ``business-case.xlsx``: a year of such months, with the
        assumptions as cells to change. There is none after a fall: its formulas know the test's gain alone.

        Raises:
            SettingsError: it can't be written.
        """
        import json

        place = Path(folder)
        base = f"report-{self.month}"
        texts = {
            f"{base}.md": self.markdown(),
            f"{base}.html": self.html(),
            f"{base}.json": json.dumps(self.as_json(), ensure_ascii=True, indent=2) + "\n",
        }
        try:
            place.mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                (place / name).write_text(text, encoding="utf-8")
        except OSError as error:
            raise SettingsError(
                f"the report can't be written ({error.strerror or error})", where=str(place)
            ) from error
        return [*(place / name for name in texts), *self._workbook(place)]

    def _workbook(self, place: Path) -> list[Path]:
        if self.case is None or find_spec("openpyxl") is None:
            return []
        from promptopt.enterprise.case.documents import write_documents

        return write_documents(self.case, place, ["xlsx"])

    def __str__(self) -> str:
        return self.markdown()

    def _repr_markdown_(self) -> str:
        return self.markdown()


def monthly_report(
    deployment: Deployment,
    log: UsageLog | None,
    looks: Sequence[Look],
    month: str = "",
    *,
    assumptions: Assumptions | None = None,
    sizes: Mapping[str, int] | None = None,
    size: int | None = None,
    called: Sequence[str] = (),
) -> MonthlyROIReport:
    """Join log, monitoring and assumptions of a month.

    What the log measures takes the place of what would be assumed: the number of requests, and the people. If
    the last look of the month says that the prompt has fallen, the fall is taken off the gain that its test
    has shown. The set-up is not in it: it was paid once.

    Args:
        month: as ``2026-11``; default: that of the last use, else of the last look.
        assumptions: default: the general ones, which are placeholders.
        called: names that the log has for the deployed prompt, beside its ids and its name. If the log names
            prompts and none of them is it, nothing is said about money.

    Raises:
        SettingsError: it is no month, or there is neither a use nor a look.
    """
    month = month or _last_month(log, looks)
    if not _MONTH.fullmatch(month):
        raise SettingsError(f"found {one_line(month, 40)!r}, expected a month as 2026-11", where="--month")
    used = _of_month(log, month)
    mine = [look for look in looks if time.strftime("%Y-%m", time.localtime(look.at)) == month]
    names = [deployment.row.prompt_id, deployment.id, deployment.name, *called]
    usage = adoption_of(used, sizes=sizes, size=size, deployed=names) if used else None
    unknown = strangers(log.uses, names) if log else []
    notes: list[str] = list(dict.fromkeys([*unknown, *(usage.notices if usage else ())]))
    worth = _Worth(deployment, None if unknown else used, names, mine, assumptions or Assumptions.of(), notes)
    figures, net = worth.figures(month)
    return MonthlyROIReport(
        deployment_id=deployment.id,
        name=deployment.name,
        month=month,
        simulated=deployment.simulated,
        usage=usage,
        looks=tuple(mine),
        net_benefit=net,
        money=tuple(figures),
        assumptions=tuple(worth.rests_on()),
        recommendations=(*_told_first(unknown), *_recommended(usage, mine, net)),
        notes=tuple(notes),
        case=worth.case(),
    )


def _told_first(unknown: Sequence[str]) -> list[str]:
    """What comes before all else where the log's uses can't be known as the deployed prompt's."""
    return (
        [f"Say which uses are those of the deployed prompt, so that money can be told: {unknown[0]}."]
        if unknown
        else []
    )


class _Worth:
    """What a month was worth, as ranges."""

    def __init__(
        self,
        deployment: Deployment,
        used: UsageLog | None,
        names: Sequence[str],
        looks: Sequence[Look],
        assumptions: Assumptions,
        notes: list[str],
    ) -> None:
        self._deployment = deployment
        self._notes = notes
        self._quantities: dict[str, Quantity] = {}
        self._year: tuple[Evidence, Assumptions] | None = None
        evidence = _evidence(deployment)
        if evidence is None:
            notes.append("The run of the deployment is gone, so nothing can be said about money.")
            return
        if not used:
            return
        found = evidence.quantities(assumptions)
        measured = _measured(used, names, found, notes)
        fallen = self._fallen(found["gain"], looks)
        self._quantities = found | measured | fallen
        if not fallen:
            told = {name: one.model_dump(exclude={"unit"}) for name, one in measured.items()}
            self._year = evidence, assumptions.changed(told)

    def case(self) -> BusinessCase | None:
        """The business case of a year of such months."""
        if self._year is None:
            return None
        return EnterpriseROICalculator().calculate_comprehensive_roi(*self._year)

    def _fallen(self, gain: Quantity, looks: Sequence[Look]) -> dict[str, Quantity]:
        """The gain less the fall that the last look has shown; the bounds of both are added up."""
        last = looks[-1] if looks else None
        if last is None or last.verdict != "has fallen":
            return {}
        fall = last.fall
        spans = (gain.low - fall.high, gain.value - fall.fall, gain.high - fall.low)
        low, value, high = (min(1.0, max(-1.0, one)) for one in spans)
        why = f"{gain.why} Less the fall that run {last.run_id} has shown."
        return {"gain": gain.model_copy(update={"low": low, "value": value, "high": high, "why": why})}

    def figures(self, month: str) -> tuple[list[Figure], Range | None]:
        """The parts, and the net benefit."""
        if not self._quantities:
            return [], None
        simulated = self._deployment.simulated
        drawn = money(draw(self._quantities))
        base = money({name: one.value for name, one in self._quantities.items()})

        def span(of: Any, at: Any, kind: Any = "usd") -> Range:
            return Range.of(of / YEAR, float(at) / YEAR, kind, simulated=simulated)

        def net(one: Any) -> Any:
            return one.time + one.quality + one.tokens - one.running

        run = f"run {self._deployment.row.source_run}"
        source = f"usage log of {month}, {run}, assumptions below"
        whole = span(net(drawn), net(base))
        return [
            Figure("Net benefit of the month, without the set-up", str(whole), source),
            Figure("Hours of people saved", str(span(drawn.hours, base.hours, "hours")), source),
            Figure("Worth of time that is put to use", str(span(drawn.time, base.time)), source),
            Figure("Errors avoided", str(span(drawn.errors, base.errors, "count")), source),
            Figure("Worth of errors avoided", str(span(drawn.quality, base.quality)), source),
            Figure("Cheaper tokens", str(span(drawn.tokens, base.tokens)), f"usage log of {month}, {run}"),
            Figure("Upkeep", str(span(drawn.running, base.running)), "assumptions below"),
        ], whole

    def rests_on(self) -> list[Figure]:
        """Each quantity with its range and reason."""
        left_out = {"setup_hours", "training_hours", "optimization_usd", "discount_rate", "horizon_months"}
        return [
            Figure(one.label or name, _range(one), f"{one.source}: {one.why}")
            for name, one in self._quantities.items()
            if name not in left_out
        ]


def _measured(
    used: UsageLog, names: Sequence[str], found: Mapping[str, Quantity], notes: list[str]
) -> dict[str, Quantity]:
    """What the log says in place of what would be assumed."""
    folded = [name.casefold() for name in names]
    named = any(use.prompt for use in used.uses)
    mine = [use for use in used.uses if not named or is_deployed(use.prompt, folded)]
    if named and not mine:
        notes.append("The log names prompts, and the deployed one is none of them: its uses count as none.")
    people = len({use.user for use in mine})
    source = f"Counted in {used.source}."

    def exactly(name: str, value: float, why: str) -> Quantity:
        table = {"value": value, "low": value, "high": value, "source": "measured", "why": why}
        return found[name].model_copy(update=table)

    return {
        "requests_per_month": exactly("requests_per_month", len(mine), source),
        "people": exactly("people", people, source),
        "adoption": exactly("adoption", 1.0, "The requests are those that did use the prompt."),
        "ramp_months": exactly("ramp_months", 0.0, "The requests are those of the month itself."),
    }


def _evidence(deployment: Deployment) -> Evidence | None:
    try:
        with closing(Database.open()) as database:
            return evidence_of(database, deployment.row.source_run)
    except RunError:
        return None


def _recommended(usage: AdoptionMetrics | None, looks: Sequence[Look], net: Range | None) -> list[str]:
    told = _by_looks(looks[-1] if looks else None)
    if usage is None:
        return [*told, "Nobody used it this month: ask why before anything else."]
    told += _by_usage(usage)
    if net is not None and net.high < 0:
        told.append("It costs more than it brings, as far as the assumptions hold: think again.")
    elif net is not None and net.low < 0:
        told.append("Whether it pays is open: replace the assumptions that matter most by figures of yours.")
    return told or ["Go on as it is."]


def _by_looks(last: Look | None) -> list[str]:
    if last is None:
        return ["Monitor it: nobody knows whether it still does what its test has shown."]
    told: list[str] = []
    if last.verdict == "has fallen":
        told.append(f"Go back to the prompt before, or optimize anew: it has fallen. {last.reason}.")
    elif last.verdict == "can't tell":
        told.append(f"Collect more fresh cases: {last.reason}.")
    if last.shifted:
        what = ", ".join(one.what for one in last.shifted)
        told.append(f"Look at the inputs: they are not what the prompt was made with ({what}).")
    return told


def _by_usage(usage: AdoptionMetrics) -> list[str]:
    told: list[str] = []
    if usage.overall.rate is not None and usage.overall.rate < 0.5:
        told.append(f"Ask those who do not use it: {usage.overall.rate:.0%} of the team do.")
    if usage.edited is not None and usage.edited.low > 0.3:
        told.append(f"Collect edited answers as new cases: {usage.edited.mean:.0%} of them are edited.")
    old = [one for one in usage.versions if not one.deployed]
    if old and any(one.deployed for one in usage.versions):
        told.append(f"Find out who uses other versions: {sum(one.share for one in old):.0%} of the uses are.")
    return told


def _last_month(log: UsageLog | None, looks: Sequence[Look]) -> str:
    if log is not None and log.uses:
        return log.uses[-1].at.strftime("%Y-%m")
    if looks:
        return time.strftime("%Y-%m", time.localtime(looks[-1].at))
    raise SettingsError("there is neither a use nor a look to report", fix="give a usage log, or monitor it")


def _of_month(log: UsageLog | None, month: str) -> UsageLog | None:
    if log is None:
        return None
    inside = tuple(use for use in log.uses if use.at.strftime("%Y-%m") == month)
    return replace(log, uses=inside) if inside else None


def _range(one: Quantity) -> str:
    if one.fixed:
        return f"{one.value:,.4g} {_unit(one)}".strip()
    return f"{one.low:,.4g} to {one.high:,.4g}, likely {one.value:,.4g} {_unit(one)}".strip()


def _unit(one: Quantity) -> str:
    return "" if one.unit == "number" else str(one.unit)


def _bullets(lines: Sequence[str]) -> list[str]:
    return [f"- {inline(line)}" for line in lines]


def _table(figures: Sequence[Figure]) -> list[str]:
    if not figures:
        return ["Nothing can be said about money."]
    rows = [f"| {inline(one.what)} | {inline(one.shown)} | {inline(one.source)} |" for one in figures]
    return ["| what | figure | source |", "| --- | --- | --- |", *rows]
