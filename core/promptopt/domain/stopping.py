"""Signals that end or turn a run.

They are ``BaseException``: optimizers written by others catch ``Exception`` around model calls and would go
on, scoring refused calls as 0 (seen with every DSPy optimizer and with gepa).
"""

from promptopt.domain.events import StopReason


class StopRun(BaseException):
    """The run has to end here. Neither an optimizer nor a check may catch it.

    Attributes:
        reason: why.
        detail: in words, for people.
        now: leave the sealed test out.
    """

    def __init__(self, reason: StopReason, detail: str = "", *, now: bool = False) -> None:
        super().__init__(detail or reason)
        self.reason: StopReason = reason
        self.detail = detail
        self.now = now


class Turned(BaseException):
    """What the search rests on was changed by a person: it is given up, and a new one begins."""


class Redirected(BaseException):
    """A person's edit was adopted: what is under way is given up, the search goes on from their text."""
