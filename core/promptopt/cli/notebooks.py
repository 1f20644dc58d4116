"""notebook: notebooks to start from."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from promptopt.cli.output import emit, note, say, table


def notebook(
    name: Annotated[
        str | None, Parameter(name="NAME", help="one of them; without it, they are listed.")
    ] = None,
    /,
    *,
    output: Path = Path(),
    json: bool = False,
) -> None:
    """Write a notebook to start from, or list them. Each runs on the built-in simulator, without a key.

    Args:
        output: folder to write to, made if it is not there; a notebook that is there is not replaced.
        json: print one JSON list of them, or with NAME the path.
    """
    from promptopt.notebook.written import templates, write

    if name is not None:
        path = write(name, output)
        emit({"path": str(path)}) if json else say(str(path))
        note("open it in Jupyter, VS Code or Colab; it runs as it is, on the simulator")
        return
    found = templates()
    if json:
        emit([asdict(each) for each in found])
        return
    for line in table(["notebook", "title", "what it shows"], [[t.name, t.title, t.about] for t in found]):
        say(line)
    note("promptopt notebook NAME writes one here")
