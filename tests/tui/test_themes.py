"""Colour themes: complete, readable, and told apart by every kind of colour vision."""

import math
from pathlib import Path

import pytest

import promptopt_themes
from promptopt_tui import paint
from promptopt_tui.manners import is_dark

THEMES = promptopt_themes.builtin()
COLORED = {name: theme for name, theme in THEMES.items() if not theme.of_terminal}
MIXED = "\n".join(
    ["name = 'a'", "dark = true", "[colors]"]
    + [f"{name} = {'#6cb6ff' if name == 'accent' else 'red'!r}" for name in promptopt_themes.COLORS]
)
Triple = tuple[float, float, float]

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
DEUTAN = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
PROTAN = ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998))


def linear(color: str) -> Triple:
    parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    r, g, b = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return r, g, b


def contrast(first: str, second: str) -> float:
    """WCAG 2 contrast ratio."""
    weights = (0.2126, 0.7152, 0.0722)
    dark, light = sorted(sum(w * x for w, x in zip(weights, linear(c), strict=True)) for c in (first, second))
    return (light + 0.05) / (dark + 0.05)


def seen_by(color: str, matrix: tuple[Triple, ...]) -> Triple:
    rgb = linear(color)
    r, g, b = (min(1.0, max(0.0, sum(m * x for m, x in zip(row, rgb, strict=True)))) for row in matrix)
    return r, g, b


def lab(rgb: Triple) -> Triple:
    """CIE L*a*b* of linear sRGB, white D65."""
    rows = (
        (0.4124564, 0.3575761, 0.1804375),
        (0.2126729, 0.7151522, 0.0721750),
        (0.0193339, 0.1191920, 0.9503041),
    )
    xyz = [sum(m * x for m, x in zip(row, rgb, strict=True)) for row in rows]
    fx, fy, fz = (
        t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116
        for t in (value / white for value, white in zip(xyz, (0.95047, 1.0, 1.08883), strict=True))
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def ciede2000(one: Triple, two: Triple) -> float:
    """Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    mean_c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean_c**7 / (mean_c**7 + 25**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360
    turn = h2 - h1
    if c1 * c2 == 0:
        turn = 0.0
    elif abs(turn) > 180:
        turn -= math.copysign(360, turn)
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn) / 2)
    ml, mc = (l1 + l2) / 2, (c1 + c2) / 2
    mh = (
        h1 + h2
        if c1 * c2 == 0
        else (h1 + h2) / 2 + (0 if abs(h1 - h2) <= 180 else 180 if h1 + h2 < 360 else -180)
    )
    t = (
        1
        - 0.17 * math.cos(math.radians(mh - 30))
        + 0.24 * math.cos(math.radians(2 * mh))
        + 0.32 * math.cos(math.radians(3 * mh + 6))
        - 0.20 * math.cos(math.radians(4 * mh - 63))
    )
    sl = 1 + 0.015 * (ml - 50) ** 2 / math.sqrt(20 + (ml - 50) ** 2)
    sc, sh = 1 + 0.045 * mc, 1 + 0.015 * mc * t
    rotation = 60 * math.exp(-(((mh - 275) / 25) ** 2))
    rt = -2 * math.sqrt(mc**7 / (mc**7 + 25**7)) * math.sin(math.radians(rotation))
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * (dc / sc) * (dh / sh))


def test_the_colour_difference_agrees_with_published_values() -> None:
    # Pairs 1, 7 and 25 of Sharma, Wu and Dalal's test data.
    assert ciede2000((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert ciede2000((50, 0, 0), (50, -1, 2)) == pytest.approx(2.3669, abs=1e-4)
    assert ciede2000((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387)) == pytest.approx(
        1.2644, abs=1e-4
    )


@pytest.mark.parametrize("theme", COLORED.values(), ids=COLORED)
def test_text_is_readable_wherever_it_stands(theme: promptopt_themes.Theme) -> None:
    dim = {
        f"{text} on {behind}": round(contrast(theme.colors[text], theme.colors[behind]), 2)
        for text, behind in promptopt_themes.TEXT_PAIRS
    }

    assert {pair: ratio for pair, ratio in dim.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", COLORED.values(), ids=COLORED)
@pytest.mark.parametrize("matrix", [DEUTAN, PROTAN], ids=["deutan", "protan"])
def test_passed_and_failed_differ_for_the_colour_blind(
    theme: promptopt_themes.Theme, matrix: tuple[Triple, ...]
) -> None:
    good, bad = (lab(seen_by(theme.colors[name], matrix)) for name in ("good", "bad"))

    assert ciede2000(good, bad) > 20


def test_the_default_is_there_and_comes_first() -> None:
    assert next(iter(THEMES)) == promptopt_themes.DEFAULT
    assert {"promptopt-dark", "promptopt-light", "promptopt-contrast"} <= THEMES.keys()


def test_every_style_uses_colours_that_themes_have() -> None:
    for name, (text, behind, _) in paint.STYLES.items():
        assert {text, behind} - {""} <= promptopt_themes.COLORS.keys(), name


def test_a_theme_of_ones_own(tmp_path: Path) -> None:
    text = (Path(promptopt_themes.__file__).parent / "builtin" / "promptopt-dark.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(text.replace("promptopt-dark", "mine"), "utf-8")
    (tmp_path / "bad.toml").write_text(text.replace('accent = "#6cb6ff"', 'accent = "blue"'), "utf-8")

    themes, problems = promptopt_themes.load(tmp_path)

    assert "mine" in themes
    assert problems == ["bad.toml: colors.accent must be #rrggbb, found 'blue'"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "not TOML"),
        ("name = 'A B'", "name must be"),
        ("name = 'a'", "dark must be"),
        ("name = 'a'\ndark = true", r"\[colors\] is missing"),
        ("name = 'a'\ndark = true\n[colors]\npink = '#ffffff'", "unknown pink"),
        (MIXED, "colors.accent must be a terminal colour as foreground is, found '#6cb6ff'"),
    ],
)
def test_a_bad_theme_says_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(promptopt_themes.ThemeError, match=said):
        promptopt_themes.parse(text, "x.toml")


async def test_the_choice_is_remembered(make_app) -> None:
    app = make_app()
    async with app.run_test():
        app.choose_theme("promptopt-light")
    assert make_app().theme == "promptopt-light"
    app.preferences.set("theme", "gone")
    assert make_app().theme == promptopt_themes.DEFAULT


async def test_a_theme_that_is_edited_is_shown_at_once(make_app) -> None:
    app = make_app()
    folder = app.preferences.folder / "themes"
    folder.mkdir()
    source = Path(promptopt_themes.__file__).parent / "builtin" / "promptopt-dark.toml"
    text = source.read_text("utf-8").replace("promptopt-dark", "mine")
    async with app.run_test() as pilot:
        (folder / "mine.toml").write_text(text, "utf-8")
        app._look()
        app.choose_theme("mine")
        await pilot.pause()
        assert app.palette["good"].color.name == app.our_themes["mine"].colors["good"]

        (folder / "mine.toml").write_text(text.replace("#ff7066", "#123456"), "utf-8")
        app._look()
        await pilot.pause()
        assert app.theme == "mine" and app.palette["bad"].color.name == "#123456"
        assert app.theme_variables["po-bad"] == "#123456"

        (folder / "mine.toml").write_text("name = ", "utf-8")
        app._look()
        await pilot.pause()
        assert app.theme == promptopt_themes.DEFAULT
        assert "mine.toml: not TOML" in "".join(note.message for note in app._notifications)


@pytest.mark.parametrize("name", promptopt_themes.FOR_FEW_COLORS.values())
async def test_a_terminal_theme_uses_its_palette_alone(story, make_app, settle, name: str) -> None:
    app = make_app(story().live().run_id)
    app.theme = name
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for keys in (("3",), ("s",), ("escape", "question_mark")):
            await pilot.press(*keys)
            await settle(pilot)
            styles = [s.style for strip in app.screen._compositor.render_strips() for s in strip if s.style]
            colors = {color for style in styles for color in (style.color, style.bgcolor) if color}
            assert not [color for color in colors if color.triplet or (color.number or 0) > 15], keys
            assert len({color.number for color in colors}) > 1


@pytest.mark.parametrize(
    ("color_fgbg", "dark"), [("", True), ("15;0", True), ("0;15", False), ("0;default;7", False)]
)
def test_the_background_of_a_terminal_is_known(color_fgbg: str, dark: bool) -> None:
    assert is_dark(color_fgbg) == dark


async def test_without_colour_there_is_none(story, make_app, settle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(story().live().run_id)
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for keys in (("down",), ("s",)):
            await pilot.press(*keys)
            await settle(pilot)
            styles = [s.style for strip in app.screen._compositor.render_strips() for s in strip if s.style]
            colors = [color for style in styles for color in (style.color, style.bgcolor) if color]
            assert {color.name for color in colors if color.triplet} == set(), keys
            assert any(style.reverse for style in styles)
