"""Group-relative optimization in prompt space (``grpo``): no weights, a group of prompts per step.

The idea is that of GRPO (Shao et al. 2024), carried over from training to prompts: a group of variants is
measured on the same cases, each is worth what it rewards above the group, and what made the best better than
the worst is told to whoever writes the next group. Lessons in words take the place of the gradient, as in
Training-Free GRPO (Cai et al. 2025, arXiv 2510.08191); distance to the parent takes that of the KL term.
"""
