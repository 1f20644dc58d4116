"""What kind of program this is: a notebook's kernel, Colab's, or none."""

import os
import sys
from typing import Any


def in_notebook() -> bool:
    """Whether a kernel carries this out, so that what is displayed goes to a cell."""
    return kernel() is not None


def in_colab() -> bool:
    """Whether that kernel is Colab's. Its modules are not imported to find out."""
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ


def kernel() -> Any:
    """The kernel that carries this out, None if none does."""
    return getattr(shell(), "kernel", None)


def shell() -> Any:
    """IPython's shell that carries this out, in a kernel or a terminal; None if none does."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
