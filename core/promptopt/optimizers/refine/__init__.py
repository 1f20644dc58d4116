"""``refine``: proposals side by side, raced on training cases, accepted by evidence on validation cases.

========================  ============================================================================
``optimizer``, ``options``  the optimizer and its settings
``search``                where a search stands, and one round of it
``planning``              which operators and parents a round has
``proposing``             what a round proposes: rewritings, demonstrations, mergers
``demonstrating``         sets of demonstrations
``merging``               two prompts as one, sentence by sentence
``racing``, ``screen``    the race of proposals, and what a place in it is worth
``validating``            whether a prompt takes the best one's place
``shortening``            what can be left out at the end
``bookkeeping``           what a round has shown, taken into the state
``pool``, ``memory``      parents; rejected changes
``state``, ``ground``     what is kept, and what all parts stand on
========================  ============================================================================
"""

from promptopt.optimizers.refine.optimizer import RefineOptimizer
from promptopt.optimizers.refine.options import RefineOptions

__all__ = ["RefineOptimizer", "RefineOptions"]
