"""Projects that come with the package, ready to copy and run."""

from importlib.resources import files
from pathlib import Path


def demo_dir() -> Path:
    """The folder of the demo project: ``project.toml`` and its cases. Copy it before you change it."""
    return Path(str(files("promptopt.examples"))) / "demo"
