"""Settings of ``refine``."""

from pydantic import Field

from promptopt.optimizers.base import OptimizerOptions


class RefineOptions(OptimizerOptions):
    """Settings of ``refine``.

    Attributes:
        max_iterations: most rounds of proposals.
        plateau: stop after so many rounds in a row without an accepted proposal.
        proposals: prompts proposed in a round, side by side.
        train_cases: most training cases that are looked at (a fixed sample of them).
        race_cases: most of these that a proposal is raced on before it is validated or dropped.
        pool: prompts that are kept as parents, the best one included; 1: only that.
        demonstrations: most demonstrations of a prompt, as far as there is room; 0: none are tried.
        edits_from: characters of a prompt from which changes are asked for as edits, not as a whole prompt.
        memory: rounds for which a rejected change is not tried again.
        shorten: passages that are left out at the end, one by one, to see whether they are of any use.
        length_penalty: gain that twice the length must show more; both have 1,200 characters added first.
        tries: replies asked for per proposal before it is skipped, if they can't be used.
        recent: earlier attempts shown to the proposer in full; others are shown in a table.
        feedback_chars: length of the feedback text.
        max_growth: a prompt may grow to this multiple of the first one …
        room: … or by so many characters, whichever is more; demonstrations count.
    """

    max_iterations: int = Field(default=20, ge=1)
    plateau: int = Field(default=5, ge=1)
    proposals: int = Field(default=5, ge=1, le=16)
    train_cases: int = Field(default=60, ge=1)
    race_cases: int = Field(default=24, ge=1)
    pool: int = Field(default=8, ge=1)
    demonstrations: int = Field(default=16, ge=0)
    edits_from: int = Field(default=3000, ge=0)
    memory: int = Field(default=10, ge=0)
    shorten: int = Field(default=4, ge=0)
    length_penalty: float = Field(default=0.02, ge=0)
    tries: int = Field(default=3, ge=1)
    recent: int = Field(default=3, ge=0)
    feedback_chars: int = Field(default=6000, ge=500)
    max_growth: float = Field(default=3.0, ge=1.0)
    room: int = Field(default=4000, ge=0)
