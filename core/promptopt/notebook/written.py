"""Notebooks to start from: plain Python in cells, which comes with the package, written out as ``.ipynb``."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, NamedTuple

from promptopt.domain.errors import SettingsError
from promptopt.store.textfiles import closest

MARK = "# %%"
"""Begins a cell; ``# %% [markdown]`` one of text."""

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class Cell(NamedTuple):
    """A cell: of Python, or of Markdown."""

    kind: Literal["code", "markdown"]
    source: str


@dataclass(frozen=True)
class Template:
    """A notebook to start from.

    Attributes:
        name: as ``promptopt notebook NAME`` takes it.
        title: what it is called.
        about: what it shows, in a line.
    """

    name: str
    title: str
    about: str


USE_CASES = {
    "customer_support": "customer-support",
    "customer_support_optimization": "customer-support",
    "internal_email": "internal-email",
    "internal_email_standardization": "internal-email",
    "content_creation": "content",
    "content_creation_optimization": "content",
    "technical_documentation": "documentation",
    "executive_poc_demo": "executive-demo",
    "enterprise_poc_template": "poc",
    "synthetic_data_generation": "synthetic",
    "team_prompt_optimization": "team",
    "roi_analysis_dashboard": "roi",
}
"""Uses and titles of notebooks, and the notebook for each."""


def template_for(use_case: str) -> str:
    """The name of the notebook for a use (``customer_support``), a title, or a name.

    Raises:
        SettingsError: there is none.
    """
    plain = use_case.strip().removesuffix(".ipynb").lower().replace("-", "_").replace(" ", "_")
    names = [each.name for each in templates()]
    found = USE_CASES.get(plain) or plain.replace("_", "-")
    if found in names:
        return found
    near = closest(plain, [*USE_CASES, *names])
    hint = f"did you mean {near}? " if near else ""
    known = ", ".join([*names, *USE_CASES])
    raise SettingsError(f"there is no notebook for {use_case!r}", fix=f"{hint}there are: {known}")


def templates() -> list[Template]:
    """All there are, by name."""
    return sorted(map(_read, _folder().glob("*.py")), key=lambda each: each.name)


def cells_of(name: str) -> list[Cell]:
    """The cells of one.

    Raises:
        SettingsError: there is no such notebook.
    """
    text = _file(name).read_text(encoding="utf-8")
    found: list[Cell] = []
    for part in f"\n{text}".split(f"\n{MARK}")[1:]:
        head, _, body = part.partition("\n")
        if head.strip() == "[markdown]":
            lines = [line.removeprefix("#").removeprefix(" ") for line in body.strip("\n").splitlines()]
            found.append(Cell("markdown", "\n".join(lines)))
        else:
            found.append(Cell("code", body.strip("\n")))
    return found


def notebook_of(name: str) -> Any:
    """The notebook, as ``nbformat`` has it; the same each time.

    Raises:
        SettingsError: there is no such notebook, or ``nbformat`` is not installed.
    """
    try:
        from nbformat import v4
    except ImportError as error:
        raise SettingsError(
            "writing notebooks takes the package nbformat", fix="pip install 'promptopt[notebook]'"
        ) from error
    new: Any = v4
    make = {"code": new.new_code_cell, "markdown": new.new_markdown_cell}
    cells = [make[cell.kind](cell.source, id=f"cell-{at}") for at, cell in enumerate(cells_of(name), 1)]
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    return new.new_notebook(cells=cells, metadata={"kernelspec": KERNEL, "language_info": language})


def write(name: str, folder: Path) -> Path:
    """Write a notebook into a folder, which is made if it is not there. None that is there is replaced.

    Raises:
        SettingsError: there is no such notebook, or its file is there already or can't be written.
    """
    made = notebook_of(name)
    import nbformat

    path = folder / f"{name}.ipynb"
    text: str = nbformat.writes(made)  # pyright: ignore[reportUnknownMemberType]
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True)
        if path.exists():
            fix = "give another folder with --output, or move it away"
            raise SettingsError("it is there already, and is not replaced", where=str(path), fix=fix)
        with path.open("x", encoding="utf-8") as file:
            file.write(f"{text}\n")
    except OSError as error:
        raise SettingsError(f"the notebook can't be written: {error.strerror}", where=str(path)) from error
    return path


def _read(path: Path) -> Template:
    title, _, about = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ").partition(": ")
    return Template(path.stem, title, about)


def _file(name: str) -> Path:
    names = [each.name for each in templates()]
    if name in names:
        return _folder() / f"{name}.py"
    near = closest(name, names)
    hint = f"did you mean {near}? " if near else ""
    raise SettingsError(f"there is no notebook {name!r}", fix=f"{hint}there are: {', '.join(names)}")


def _folder() -> Path:
    return Path(str(files("promptopt.notebook"))) / "notebooks"
