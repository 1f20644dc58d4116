"""Closed sets of words that many modules share; they need no library, so naming one imports none."""

from typing import Literal

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

Role = Literal["target", "optimizer", "judge", "generator", "embedding"]
ROLES: tuple[Role, ...] = ("target", "optimizer", "judge", "generator", "embedding")
"""What a model is there for."""

TO_RESUME = ("interrupted", "stopped", "failed")
"""How a run stands that a new worker may take up, unless its sealed test was scored."""
