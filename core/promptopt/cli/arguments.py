"""Arguments that several commands take."""

from typing import Annotated

from cyclopts import Parameter

RunArgument = Annotated[
    str, Parameter(name="RUN", help="the run: its id, the beginning or end of it, or: latest.")
]

ProjectArgument = Annotated[
    str,
    Parameter(
        name="PROJECT", help="name of a project, or path of its folder, project.toml or YAML configuration."
    ),
]

ReasonOption = Annotated[
    str,
    Parameter(
        name="--reason", help="why, in your words; it is kept with the run.", allow_leading_hyphen=True
    ),
]
