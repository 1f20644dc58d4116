"""report: the business case of what a run or an experiment has measured."""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from promptopt.cli.output import emit, note, say
from promptopt.domain.errors import SettingsError

if TYPE_CHECKING:
    from promptopt.enterprise.case.assumptions import Assumptions
    from promptopt.enterprise.case.calculator import BusinessCase
    from promptopt.enterprise.case.evidence import Evidence
    from promptopt.enterprise.deployment.rollout import RolloutPlan
    from promptopt.store.database import Database

ReportArgument = Annotated[
    str, Parameter(name="RUN", help="a run, or an experiment by its id (they begin with x).")
]


def report(
    reference: ReportArgument = "latest",
    /,
    *,
    scenario: str | None = None,
    assumptions: Path | None = None,
    set_: Annotated[
        tuple[str, ...],
        Parameter(
            name="--set",
            help="an assumption, as name=value or name=low..high; may be repeated.",
            show_default=False,
        ),
    ] = (),
    form: Annotated[str, Parameter(name="--format")] = "md,html",
    out: Annotated[Path, Parameter(name=("--out", "--output"))] = Path("report"),
    save_assumptions: Path | None = None,
    json: bool = False,
) -> None:
    """Write the business case: what it costs and brings, as ranges, with every source. Sends nothing.

    What was measured comes from the run or the experiment, all else from assumptions that the documents show.

    Args:
        scenario: whose assumptions are taken: customer_support, internal_email, content_creation,
            technical_documentation; without it general ones, or those of the file.
        assumptions: a TOML or YAML file with assumptions of yours.
        form: which documents, of md, html, pptx and xlsx, with commas; slides and a workbook need
            pip install 'promptopt[reports]'.
        out: folder for the documents.
        save_assumptions: write the assumptions to this TOML or YAML file, to change them there.
        json: print one JSON object.
    """
    from promptopt.enterprise.case.calculator import EnterpriseROICalculator
    from promptopt.enterprise.case.documents import in_words, write_documents
    from promptopt.enterprise.case.gathering import evidence_of
    from promptopt.store.database import Database

    assumed = _assumed(scenario, assumptions, set_)
    with closing(Database.open()) as database:
        evidence = evidence_of(database, reference)
        made = EnterpriseROICalculator(assumed).calculate_comprehensive_roi(evidence)
        plan = _plan(database, evidence, made)
    formats = [one.strip() for one in form.split(",") if one.strip()]
    kept = [assumed.save(save_assumptions)] if save_assumptions is not None else []
    written = [*write_documents(made, out, formats, plan), *kept]
    if json:
        emit({**made.as_json(), "told": in_words(made), "files": [str(path) for path in written]})
        return
    _say(made)
    for path in written:
        note(f"written: {path}")


def _plan(database: "Database", evidence: "Evidence", case: "BusinessCase") -> "RolloutPlan | None":
    """The roll-out plan of what was measured; None if nothing of it could be given to a team."""
    from promptopt.domain.errors import PromptoptError
    from promptopt.enterprise.deployment.criteria import Wishes
    from promptopt.enterprise.deployment.offers import offer_of, offer_of_run
    from promptopt.enterprise.deployment.rollout import plan_of
    from promptopt.enterprise.poc.concluding import best_prompt
    from promptopt.store.runs import Runs

    try:
        if evidence.experiment_id:
            best = best_prompt(database, evidence.experiment_id, evidence, case)
            offer = offer_of(best, evidence.title) if best else None
        else:
            offer = offer_of_run(database, Runs(database).find(evidence.run_ids[0]))
            offer = offer.weighed(case.advice, case.reasons[1:])
    except PromptoptError:
        return None
    return plan_of([offer], Wishes(), title=evidence.title) if offer else None


def _assumed(scenario: str | None, path: Path | None, given: tuple[str, ...]) -> "Assumptions":
    from promptopt.enterprise.case.assumptions import GENERAL, Assumptions

    found = Assumptions.load(path, scenario or "") if path else Assumptions.of(scenario or GENERAL)
    changes: dict[str, str] = {}
    for each in given:
        name, equals, span = each.partition("=")
        if not equals:
            raise SettingsError(f"{each!r} names no value", where="--set", fix="give name=40 or name=40..60")
        changes[name.strip()] = span
    return found.changed(changes, "Given with --set.")


def _say(case: "BusinessCase") -> None:
    simulated = " (simulated)" if case.simulated else ""
    say(case.headline)
    for reason in case.reasons:
        say(f"  {reason}")
    for label, span in (
        ("set-up, once", case.setup_costs),
        ("running, first year", case.ongoing_costs),
        ("time saved, first year", case.time_savings),
        ("errors avoided, first year", case.quality_improvements),
        ("model cost saved, first year", case.cost_reductions),
        ("ROI, first year", case.annual_roi),
        ("paid back after", case.payback_period),
        (f"net present value, {case.npv.limit} months", case.npv),
    ):
        say(f"  {label}: {span.ends}{simulated}")
    risk = case.risk_mitigation
    say(f"  chance of a loss: {risk.chance_of_loss:.0%}{simulated}")
    strongest = [one.quantity.label[:1].lower() + one.quantity.label[1:] for one in case.influences[:3]]
    say(f"  it hangs most on: {'; '.join(strongest)}")
    placeholders = len(case.assumptions.quantities()) - len(case.assumptions.given)
    if placeholders:
        note(f"{placeholders} assumptions are placeholders; change them in the file of --save-assumptions")
