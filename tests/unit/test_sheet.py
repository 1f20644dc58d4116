"""A comparison as one page: what people and models wrote is text there, and pictures stand in it."""

from pathlib import Path

from promptopt.reporting.sheet import Block, Sheet, Table, sheet_page

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_texts_are_text_and_pictures_stand_in_the_page(tmp_path: Path) -> None:
    (tmp_path / "cost.svg").write_text(f"<svg>{HOSTILE}</svg>")
    table = Table(["optimizer", HOSTILE], [[HOSTILE, "1"]])
    sheet = Sheet(HOSTILE, HOSTILE, False, [Block(HOSTILE, [table], [HOSTILE])], HOSTILE, [HOSTILE])
    page = sheet_page(sheet, [tmp_path / "cost.svg", tmp_path / "gone.svg"])
    assert "<script" not in page and "onerror=alert(2)>" not in page
    assert page.count("<img") == 1 and 'alt="score against cost"' in page and "Simulated" not in page
    assert "default-src 'none'" in page and "http://" not in page and "https://" not in page


def test_simulated_figures_are_said_to_be() -> None:
    assert "Simulated." in sheet_page(Sheet("a", "b", True, []))
