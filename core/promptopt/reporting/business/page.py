"""A business case as one HTML page that loads nothing and runs no script."""

from promptopt.reporting.business.money import usd
from promptopt.reporting.business.scales import score_scale, span_scale, tornado_scale
from promptopt.reporting.business.views import ONWARD, SIMULATED, STOP, CaseView
from promptopt.reporting.page import pages

LOOKS = {"recommended": ("✓", "good"), "not shown": ("≈", "warn"), "against": ("✗", "bad")}


def page_of_case(view: CaseView) -> str:
    """The page. Texts of models, cases and people stand in it as text."""
    return (
        pages()
        .get_template("business.html.j2")
        .render(
            view=view,
            label=SIMULATED,
            look=LOOKS[view.advice],
            scores=score_scale(view.scores),
            money=span_scale(view.money),
            tornado=tornado_scale(view.tornado, view.base),
            usd=usd,
            stop=STOP,
            onward=ONWARD,
        )
    )
