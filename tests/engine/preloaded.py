"""What a process has imported that forks workers (see ``warm``)."""

import gc
import os

os.environ["TQDM_DISABLE"] = "1"  # as a worker says before it imports DSPy

from promptopt.domain.imports import uncollected

with uncollected():
    import dspy.teleprompt  # noqa: F401 # pyright: ignore[reportMissingTypeStubs]
    import optuna  # noqa: F401 # pyright: ignore[reportMissingImports]

    from promptopt.models.litellm_transport import _import_litellm
    from promptopt.optimizers.dspy_adapter import bridge, metrics, models, programs, search  # noqa: F401
    from promptopt.runs import worker  # noqa: F401

    _import_litellm()

# None of it is garbage: what is forked need not look through it.
gc.freeze()
