"""The documents of a business case, read back."""

import html
import re
import shutil
import subprocess
import tomllib
from datetime import date
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from promptopt.domain.errors import RunError, SettingsError
from promptopt.domain.prompt import OptimizedPrompt
from promptopt.domain.results import Comparison, Interval
from promptopt.domain.settings import Price
from promptopt.enterprise.case.assumptions import Assumptions
from promptopt.enterprise.case.calculator import BusinessCase, EnterpriseROICalculator
from promptopt.enterprise.case.documents import FORMATS, write_documents
from promptopt.enterprise.case.evidence import Contender, Evidence, Pair, Usage
from promptopt.enterprise.case.viewing import view_of
from promptopt.enterprise.deployment.criteria import Wishes
from promptopt.enterprise.deployment.offers import offer_of
from promptopt.enterprise.deployment.rollout import RolloutPlan, plan_of
from promptopt.reporting.business.deck import deck_of
from promptopt.reporting.business.fitting import cells, cut, fitted, height_of, right_to_left
from promptopt.reporting.business.markdown import markdown_of
from promptopt.reporting.business.page import page_of_case
from promptopt.reporting.business.views import SIMULATED, STOP, CaseView
from promptopt.reporting.business.workbook import workbook_of

HOSTILE = '=cmd|"/c calc"!A1 <script>alert(1)</script> | **b** `c` [x](http://evil) \x1b[31m'
ARABIC = "هل يمكنني إرجاع الطلب؟ " * 30
CHINESE = "请问我的订单什么时候可以送达" * 40


def figure(mean: float, half: float) -> Interval:
    return Interval(mean=mean, low=max(-1.0, mean - half), high=min(1.0, mean + half), n=40)


def usage(sent: float, generated: float) -> Usage:
    return Usage(
        tokens_in=Interval(mean=sent, low=sent - 5, high=sent + 5, n=40),
        tokens_out=Interval(mean=generated, low=generated - 2, high=generated + 2, n=40),
        seconds=figure(0.5, 0.1),
        usd=figure(0.01, 0.001),
    )


def evidence(*, simulated: bool = False, text: str = "triage") -> Evidence:
    gain = Comparison(difference=figure(0.4, 0.2), p_value=0.001, verdict="better", method="test")
    return Evidence(
        title=text,
        source="run r1",
        run_ids=("r1",),
        n=40,
        simulated=simulated,
        optimizer=text,
        model=text,
        baseline=figure(0.2, 0.1),
        best=figure(0.6, 0.1),
        comparison=gain,
        before=usage(100, 20),
        after=usage(250, 15),
        price=Price(input=1, output=4),
        priced_by="Price list of litellm for m",
        search_usd=12.5,
        note=text,
        contenders=(
            Contender(label="none", score=figure(0.2, 0.1)),
            Contender(label=text, score=figure(0.6, 0.1), gain=gain, usd=6.0, calls=300, chosen=True),
        ),
        pairs=(
            Pair(case_id=text, given=text, expected=text, before=text, after=ARABIC, change="better"),
            Pair(case_id="c2", given=CHINESE, expected="", before="", after=text, change="worse"),
        ),
        first_prompt=text,
        best_prompt=text,
    )


def case(*, simulated: bool = False, text: str = "triage") -> BusinessCase:
    return EnterpriseROICalculator("customer_support", draws=500).calculate_comprehensive_roi(
        evidence(simulated=simulated, text=text)
    )


@pytest.fixture(scope="module")
def view() -> CaseView:
    return view_of(case(simulated=True, text=HOSTILE))


def test_every_figure_has_a_source(view: CaseView) -> None:
    marks = {source.mark for source in view.sources}
    assert marks == set(range(1, len(view.sources) + 1))
    told = [line.told for line in (*view.asked, *view.measured, *view.benefits, *view.costs, *view.risks)]
    told += [span.told for span in view.money] + [view.scored]
    assert all(one.marks and set(one.marks) <= marks for one in told)
    assert all(set(one.marks) <= marks for one in view.tornado)
    assert [one.mark for one in view.inputs] == [source.mark for source in view.sources[2:]]
    for phase in view.rollout:
        figures = [one for one in (phase.who, phase.stop) if re.search(r"\d", one.text)]
        assert all(one.marks for one in figures)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self._in = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self._in = tag
        assert not any(name.startswith("on") for name in found)
        assert "src" not in found
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if found.get("href"):
            self.links.append(str(found["href"]))

    def handle_data(self, data: str) -> None:
        if self._in == "h2" and data.strip():
            self.headings.append(data.strip())


def test_the_page(view: CaseView) -> None:
    text = page_of_case(view)
    page = _Page()
    page.feed(text)
    assert "script" not in page.tags
    assert page.links and all(link.startswith("#s") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids)) == len(view.sources)
    assert SIMULATED in text
    figures = [
        one for one in page.headings if not one.startswith(("Assumptions", "How", "Sources", "The new"))
    ]
    assert len(figures) >= 8
    assert all("simulated" in one for one in figures)
    assert "\x1b" not in text
    real = page_of_case(view_of(case()))
    assert "simulated" not in real.lower().replace("promptopt report", "")


def test_the_markdown(view: CaseView) -> None:
    text = markdown_of(view)
    assert SIMULATED in text
    body = text.partition("\n## The new prompt")[0]  # what follows is a block of text as it is
    assert "<script>" not in body
    assert not re.search(r"(?<!\\)\]\(http", body)
    rows = [line for line in body.splitlines() if line.startswith("|")]
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) in (4, 5, 6), row
    assert "(simulated)" in body


def test_documents_are_written(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    written = write_documents(case(), tmp_path / "new")
    assert [path.suffix[1:] for path in written] == list(FORMATS)
    assert all(path.stat().st_size > 2000 for path in written)
    with pytest.raises(SettingsError, match="'pdf'"):
        write_documents(case(), tmp_path, ["md", "pdf"])
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(RunError, match="can't be written"):
        write_documents(case(), tmp_path / "file", ["md"])


def test_texts_in_the_workbook_are_no_formulas(view: CaseView) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.load_workbook(BytesIO(workbook_of(view)))
    formulas = texts = 0
    for sheet in book:
        assert sheet["A1"].value == SIMULATED
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    formulas += 1
                    assert cell.value.startswith("=")
                    assert "cmd" not in cell.value
                elif isinstance(cell.value, str):
                    texts += 1
                    assert cell.quotePrefix
    assert formulas > 300
    assert texts > 100
    hostile = [c for row in book["Measured"].iter_rows() for c in row if str(c.value).startswith("=cmd")]
    assert hostile and all(cell.data_type == "s" for cell in hostile)


def _cell_of(book: Any, name: str) -> Any:
    sheet, _, place = book.defined_names[name].attr_text.rpartition("!")
    return book[sheet.strip("'")][place.replace("$", "")]


class _Workbook:
    """Computes the formulas of the workbook: what it takes of Excel's language, put into Python's."""

    def __init__(self, body: bytes, changes: dict[str, float]) -> None:
        import openpyxl

        self._book = openpyxl.load_workbook(BytesIO(body))
        self._known: dict[tuple[str, str], Any] = {}
        for name, value in changes.items():
            _cell_of(self._book, name).value = value

    def formulas(self) -> dict[tuple[str, str], Any]:
        """Every cell with a formula, and what that comes to."""
        return {
            (sheet.title, cell.coordinate): self._value(sheet.title, cell.coordinate)
            for sheet in self._book.worksheets
            for row in sheet.iter_rows()
            for cell in row
            if cell.data_type == "f"
        }

    def summary(self) -> dict[str, Any]:
        sheet = self._book["Summary"]
        found: dict[str, Any] = {}
        for row in range(1, sheet.max_row + 1):
            if sheet.cell(row, 2).data_type == "f":
                found[str(sheet.cell(row, 1).value)] = self._value("Summary", f"B{row}")
        return found

    def _value(self, sheet: str, place: str) -> Any:
        key = (sheet, place)
        if key not in self._known:
            cell = self._book[sheet][place]
            value = self._computed(sheet, cell.value) if cell.data_type == "f" else cell.value
            self._known[key] = value
        return self._known[key]

    def _computed(self, sheet: str, formula: str) -> Any:
        names: dict[str, Any] = {
            "MIN": lambda *v: min(_numbers(v)),
            "MAX": lambda *v: max(_numbers(v)),
            "SUM": lambda *v: sum(_numbers(v)),
            "COUNT": lambda *v: len(_numbers(v)),
            "IF": lambda test, yes, no: yes() if test else no(),
            "AND": lambda *v: all(v),
            "COUNTIF": lambda values, rule: sum(one >= 0 for one in values),
            "TRUE": True,
            "cell": lambda place: self._value(sheet, place),
            "span": lambda first, last: self._span(sheet, first, last),
            "named": self._named,
        }
        text = formula[1:].replace("$", "").replace("^", "**").replace("=0,", "==0,").replace("=0)", "==0)")
        text = text.replace(">==", ">=")
        if text.startswith("IF(COUNT"):  # the only formula that joins texts
            count = names["COUNT"](self._named("paid_back"))
            return names["MIN"](self._named("paid_back")) if count else "never"
        text = re.sub(r"\b([A-F]\d+):([A-F]\d+)\b", r"span('\1','\2')", text)
        text = re.sub(r"(?<!')\b([A-F]\d+)\b(?!')", r"cell('\1')", text)
        text = re.sub(r"\b([a-z_]+)\b(?![('])", r"named('\1')", text)
        return eval(_lazy(text), {"__builtins__": {}, **names})

    def _named(self, name: str) -> Any:
        target = self._book.defined_names[name].attr_text
        sheet, _, place = target.rpartition("!")
        first, colon, last = place.replace("$", "").partition(":")
        sheet = sheet.strip("'")
        return self._span(sheet, first, last) if colon else self._value(sheet, first)

    def _span(self, sheet: str, first: str, last: str) -> list[Any]:
        column = first[0]
        return [self._value(sheet, f"{column}{row}") for row in range(int(first[1:]), int(last[1:]) + 1)]


def _numbers(values: Any) -> list[float]:
    flat = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [float(one) for one in flat if isinstance(one, int | float)]


def _lazy(text: str) -> str:
    """``IF(a,b,c)`` with its branches as functions, so that only one of them is computed."""
    found = re.search(r"\bIF\(", text)
    if not found:
        return text
    parts, depth, start, at = [], 0, found.end(), found.end()
    while True:
        if text[at] in "()":
            depth += 1 if text[at] == "(" else -1
        if depth < 0 or (text[at] == "," and depth == 0):
            parts.append(_lazy(text[start:at]))
            start = at + 1
            if depth < 0:
                break
        at += 1
    test, yes, no = parts
    return f"{text[: found.start()]}\x00({test},lambda:{yes},lambda:{no}){_lazy(text[at + 1 :])}".replace(
        "\x00", "IF"
    )


CHANGES: list[dict[str, float]] = [
    {},
    {"hourly_cost": 80.0, "requests_per_month": 9000.0, "ramp_months": 0.5, "horizon_months": 36.0},
    {"transfer": 0.0, "error_cost": 0.0},
    {"faster_share": 0.2, "people": 40.0, "discount_rate": 0.0, "horizon_months": 12.0},
]


def _expected(changes: dict[str, float]) -> dict[str, float]:
    assumed = Assumptions.of("customer_support").changed(changes)
    made = EnterpriseROICalculator(assumed, draws=200).calculate_comprehensive_roi(evidence())
    return {one.label: one.base for one in view_of(made).results}


def _same(found: dict[str, Any], expected: dict[str, float]) -> None:
    assert list(found) == list(expected)
    for label, value in expected.items():
        if value == float("inf"):
            assert isinstance(found[label], str), label
        else:
            assert found[label] == pytest.approx(value, rel=1e-9, abs=1e-9), label


@pytest.mark.parametrize("changes", CHANGES)
def test_the_formulas_follow_the_assumptions(changes: dict[str, float]) -> None:
    pytest.importorskip("openpyxl")
    body = workbook_of(view_of(case()))
    _same(_Workbook(body, changes).summary(), _expected(changes))


ASSUMED: list[dict[str, float]] = [*CHANGES, {"maintenance_hours": 900.0}, {"requests_per_month": 0.0}]
"""Also what never pays."""


def _stored(body: bytes) -> dict[tuple[str, str], Any]:
    """What a viewer shows that computes nothing, of each cell with a formula."""
    import openpyxl

    formulas = openpyxl.load_workbook(BytesIO(body))
    values = openpyxl.load_workbook(BytesIO(body), data_only=True)
    return {
        (sheet.title, cell.coordinate): values[sheet.title][cell.coordinate].value
        for sheet in formulas.worksheets
        for row in sheet.iter_rows()
        for cell in row
        if cell.data_type == "f"
    }


def _alike(stored: Any, value: Any) -> bool:
    if isinstance(value, int | float):
        return stored == pytest.approx(value, rel=1e-9, abs=1e-9)
    # An empty text is stored, and read as nothing; the evaluation above says "never" for a text of ours.
    return (stored or "") == (value or "") or (value == "never" and str(stored).startswith("not within "))


@pytest.mark.parametrize("changes", ASSUMED)
def test_what_the_formulas_come_to_is_stored_beside_them(changes: dict[str, float]) -> None:
    pytest.importorskip("openpyxl")
    assumed = Assumptions.of("customer_support").changed(changes)
    made = EnterpriseROICalculator(assumed, draws=200).calculate_comprehensive_roi(evidence())
    body = workbook_of(view_of(made))
    stored, computed = _stored(body), _Workbook(body, {}).formulas()
    assert len(stored) > 300 and stored.keys() == computed.keys()
    assert {place: stored[place] for place in stored if not _alike(stored[place], computed[place])} == {}
    results = iter(view_of(made).results)
    for (sheet, _), value in stored.items():
        if sheet == "Summary":
            base = next(results).base
            assert _alike(value, "never" if base == float("inf") else base)


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not there")
@pytest.mark.parametrize("changes", [ASSUMED[0], ASSUMED[4]])
def test_what_is_stored_is_what_libreoffice_computes(changes: dict[str, float], tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    assumed = Assumptions.of("customer_support").changed(changes)
    made = EnterpriseROICalculator(assumed, draws=200).calculate_comprehensive_roi(evidence())
    body = workbook_of(view_of(made))
    path = tmp_path / "case.xlsx"
    openpyxl.load_workbook(BytesIO(body)).save(
        path
    )  # which drops what is stored: LibreOffice would believe it
    assert not any(_stored(path.read_bytes()).values())
    _through_libreoffice(path, tmp_path)
    stored, computed = _stored(body), _stored((tmp_path / "out" / "case.xlsx").read_bytes())
    assert stored.keys() == computed.keys()
    assert {place: stored[place] for place in stored if not _alike(stored[place], computed[place])} == {}


def _through_libreoffice(path: Path, folder: Path) -> None:
    command = ["soffice", f"-env:UserInstallation=file://{folder}/office", "--headless"]
    subprocess.run(
        [*command, "--convert-to", "xlsx", "--outdir", str(folder / "out"), str(path)],
        check=True,
        capture_output=True,
        timeout=100,
    )


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not there")
def test_the_formulas_in_libreoffice(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    changes = CHANGES[1]
    book = openpyxl.load_workbook(BytesIO(workbook_of(view_of(case(text=HOSTILE)))))
    for name, value in changes.items():
        _cell_of(book, name).value = value
    path = tmp_path / "case.xlsx"
    book.save(path)
    _through_libreoffice(path, tmp_path)
    sheet = openpyxl.load_workbook(tmp_path / "out" / "case.xlsx", data_only=True)["Summary"]
    expected = _expected(changes)
    rows = [(row[0], row[1]) for row in sheet.iter_rows(values_only=True)]
    _same({label: value for label, value in rows if label in expected}, expected)


def test_texts_fit_into_boxes() -> None:
    for text in ("word " * 400, "x" * 3000, ARABIC, CHINESE, "a\nb\nc\n" * 50, HOSTILE):
        shown, size = fitted(text, 300, 120, 18, 9)
        assert 9 <= size <= 18
        assert height_of(shown, 300, size) <= 120
        assert shown == text or shown.endswith("…")
    assert cut("short", 300, 40, 12) == "short"
    assert cells("请问a") == 5
    assert right_to_left(ARABIC)
    assert right_to_left("12 שלום")
    assert not right_to_left("abc שלום")


def test_assumptions_of_the_package_are_toml() -> None:
    from promptopt.enterprise.case import assumptions

    path = Path(assumptions.__file__).with_name("assumptions.toml")
    assert set(tomllib.loads(path.read_text(encoding="utf-8"))) >= {"general", "customer_support"}


def _texts(deck: Any) -> list[list[str]]:
    found: list[list[str]] = []
    for slide in deck.slides:
        texts: list[str] = []
        for shape in slide.shapes:
            if shape.has_text_frame:
                texts.append(shape.text_frame.text)
            if shape.has_table:
                texts += [cell.text for row in shape.table.rows for cell in row.cells]
        found.append(texts)
    return found


@pytest.mark.parametrize("text", ["triage", HOSTILE, ARABIC, CHINESE, "x" * 4000])
def test_the_slides(text: str) -> None:
    pptx = pytest.importorskip("pptx")
    from promptopt.reporting.business.deck import deck_of

    deck = pptx.Presentation(BytesIO(deck_of(view_of(case(simulated=True, text=text)))))
    slides = _texts(deck)
    assert 6 <= len(slides) <= 9
    assert all(SIMULATED in texts for texts in slides)
    charts = [shape for slide in deck.slides for shape in slide.shapes if shape.has_chart]
    assert len(charts) == 3
    assert all(
        slide.has_notes_slide and "[" in slide.notes_slide.notes_text_frame.text for slide in deck.slides
    )
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left >= 0 and shape.left + shape.width <= deck.slide_width
            assert shape.top >= 0 and shape.top + shape.height <= deck.slide_height
            if shape.has_text_frame:
                _fits(shape)


def _fits(shape: Any) -> None:
    """The text takes no more room than its box has, by a hand that measures wide."""
    needed = 0.0
    for paragraph in shape.text_frame.paragraphs:
        sizes = [run.font.size.pt for run in paragraph.runs if run.font.size]
        shown = "".join(run.text for run in paragraph.runs if run.font._element.get("baseline") is None)
        if sizes and shown:
            needed += height_of(shown, shape.width.pt - 8, sizes[0])
    assert needed <= shape.height.pt - 4, shape.text_frame.text


def test_a_real_run_has_no_mark_of_simulation() -> None:
    pptx = pytest.importorskip("pptx")
    from promptopt.reporting.business.deck import deck_of

    deck = pptx.Presentation(BytesIO(deck_of(view_of(case()))))
    assert not any("SIMULATED" in text for texts in _texts(deck) for text in texts)


def test_a_case_with_next_to_nothing() -> None:
    pytest.importorskip("pptx")
    pytest.importorskip("openpyxl")
    from promptopt.reporting.business.deck import deck_of

    nothing = view_of(EnterpriseROICalculator(draws=200).calculate_comprehensive_roi(Evidence(over=False)))
    assert nothing.advice == "not shown"
    assert "No gain was measured" in nothing.reasons[0]
    assert deck_of(nothing) and workbook_of(nothing)
    assert "Business case" in page_of_case(nothing)
    assert "Business case" in markdown_of(nothing)


def test_the_parts_of_a_bar() -> None:
    from promptopt.reporting.business.slides import _parts

    assert _parts(1, 2, 4) == (1, 0, 0, 1, 2)
    assert _parts(-4, -2, -1) == (-1, -1, -2, 0, 0)
    assert _parts(-3, 1, 2) == (0, 0, -3, 1, 1)
    assert _parts(-3, -1, 2) == (0, -1, -2, 0, 2)


def planned(verdict: str) -> RolloutPlan:
    gap = {
        "verdict": verdict, "difference": 0.4, "interval": [0.2, 0.6], "p_value": 0.01, "n": 40,
        "method": "m",
    }  # fmt: skip
    score = {"score": 0.6, "low": 0.5, "high": 0.7, "n": 40, "passed": 24, "errors": 0}
    seed = {"candidate_id": "a", "prompt": "Old", "demonstrations": [], "validation": None, "test": score,
            "failures": None}  # fmt: skip
    about = {
        "run_id": "r1", "optimizer": "refine", "candidate_id": "b", "seed": seed, "comparison": gap,
        "test": score, "validation": score,
    }  # fmt: skip
    wishes = Wishes(teams=(HOSTILE, "sales"), start=date(2026, 12, 7))
    return plan_of([offer_of(OptimizedPrompt(text="New", metadata=about), HOSTILE)], wishes)


def test_the_phases_of_a_plan_with_what_stops_them_stand_in_all_forms(tmp_path: Path) -> None:
    view = view_of(case(simulated=True, text=HOSTILE), planned("better"))
    assert [phase.when for phase in view.rollout] == [
        "2026-12-07 to 2026-12-21", "2026-12-21 to 2027-01-04", "from 2027-01-04"
    ]  # fmt: skip
    plan_source = view.sources[-1]
    assert plan_source.kind == "plan" and plan_source.mark == len(view.sources)
    conditions = [*view.gate.stop, *view.gate.onward]
    assert conditions and all(one.marks == (plan_source.mark,) for one in conditions)
    assert any("50.0%" in one.text for one in view.gate.stop), "the lower end of the sealed test"
    page, text = _Page(), page_of_case(view)
    page.feed(text)
    assert "script" not in page.tags and f"s{plan_source.mark}" in page.ids
    assert {link[1:] for link in page.links} <= set(page.ids)
    for written in (text, markdown_of(view)):
        assert "2026-12-21 to 2027-01-04" in written and STOP in html.unescape(written)
        assert "first month" not in written, "no generic step stands beside the plan"
    assert "if you decide otherwise" in view.gate.note, "a simulated case recommends nothing"
    pytest.importorskip("pptx")
    slides = _slides(deck_of(view))
    (slide,) = [one for one in slides if "Roll-out: step by step" in one]
    assert "2026-12-07 to 2026-12-21" in slide and STOP in slide and "decide otherwise" in slide


def test_where_nothing_is_rolled_out_no_step_is_shown() -> None:
    view = view_of(case(), planned("not distinguishable"))
    assert not view.rollout and not view.gate.stop and "could not tell it from" in view.gate.none[0]
    for written in (page_of_case(view), markdown_of(view)):
        assert "None is planned." in written and "could not tell it from" in written
    pytest.importorskip("pptx")
    (slide,) = [one for one in _slides(deck_of(view)) if "Roll-out" in one]
    assert "none is planned" in slide and "could not tell it from" in slide


def _slides(body: bytes) -> list[str]:
    from pptx import Presentation

    found: list[str] = []
    for slide in Presentation(BytesIO(body)).slides:
        texts = [shape.text_frame.text for shape in slide.shapes if shape.has_text_frame]
        tables = [shape.table for shape in slide.shapes if shape.has_table]
        texts += [cell.text for table in tables for row in table.rows for cell in row.cells]
        found.append("\n".join(texts))
    return found
