"""What kind of program this is: a notebook's kernel, Colab's, or none."""

import os
import sys


def in_notebook() -> bool:
    """Whether a kernel carries this out, so that what is displayed goes to a cell."""
    shell = _shell()
    return shell is not None and hasattr(shell, "kernel")


def in_colab() -> bool:
    """Whether that kernel is Colab's. Its modules are not imported to find out."""
    return "google.colab" in sys.modules or "COLAB_RELEASE_TAG" in os.environ


def _shell() -> object | None:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None
