"""Projects that come with the package, ready to copy and run, an experiment over them, and a company."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from promptopt.domain.errors import SettingsError

DEMO = "demo"
COMPANY = "acme"


@dataclass(frozen=True)
class ExampleTask:
    """An example: its name, how many cases it has, and what it is, in a line."""

    name: str
    cases: int
    about: str


def demo_dir() -> Path:
    """The folder of the demo project: ``project.toml`` and its cases. Copy it before you change it."""
    return _folder() / DEMO


def example_names() -> list[str]:
    """Names of the example tasks, sorted; the demo is none of them."""
    return sorted(path.parent.name for path in _folder().glob("*/project.toml") if path.parent.name != DEMO)


def examples() -> list[ExampleTask]:
    """The example tasks, as their files tell."""
    found: list[ExampleTask] = []
    for name in example_names():
        first = (_folder() / name / "project.toml").read_text(encoding="utf-8").partition("\n")[0]
        cases = (_folder() / name / "cases.jsonl").read_text(encoding="utf-8").splitlines()
        found.append(ExampleTask(name, len(cases), first.removeprefix("# Example: ")))
    return found


def example_dir(name: str) -> Path:
    """The folder of an example task. Copy it before you change it.

    Raises:
        SettingsError: there is no such example.
    """
    if name not in example_names():
        raise SettingsError(
            f"there is no example {name!r}", fix=f"there are: {', '.join(example_names()) or 'none'}"
        )
    return _folder() / name


def companies() -> list[str]:
    """Names of the made-up companies, each an enterprise configuration."""
    return [COMPANY]


def company_path(name: str = COMPANY) -> Path:
    """The configuration of a made-up company. Copy it before you change it."""
    return _folder() / f"{name}.yaml"


def experiment_file() -> Path:
    """The experiment over all example tasks."""
    return _folder() / "experiment.yaml"


def _folder() -> Path:
    return Path(str(files("promptopt.examples")))
