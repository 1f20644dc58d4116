"""The roles that a model can play."""

from typing import Literal

Role = Literal["target", "optimizer", "judge", "generator", "embedding"]
ROLES: tuple[Role, ...] = ("target", "optimizer", "judge", "generator", "embedding")
