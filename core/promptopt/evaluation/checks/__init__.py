"""Checks: anything that judges one output. ``build_judge`` makes them of a project's settings."""

from promptopt.evaluation.checks.judge import Judge, build_judge
from promptopt.evaluation.checks.options import CHECKS

__all__ = ["CHECKS", "Judge", "build_judge"]
