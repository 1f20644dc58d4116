"""A built-in stand-in for hosted models, named ``sim/…``: no key, no network, no cost.

It is a simulation. Its target reacts to what a prompt says and fails the way real models fail; its
optimizer reads feedback and edits prompts, mostly well. Nothing here measures a real model.
"""

from promptopt.models.simulator.simulator import MODELS, Simulator

__all__ = ["MODELS", "Simulator"]
