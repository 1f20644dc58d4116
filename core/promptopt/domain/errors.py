"""Errors that a person can mend, printed by every face as they are, and the call that has no answer."""


class PromptoptError(Exception):
    """Something the user can mend: ``what`` is wrong, ``where`` it was found, and the ``fix``.

    Args:
        what: what was found and what was expected.
        where: file, key, row or run that it was found in; empty if it has no place.
        fix: what to do about it; empty if ``what`` already says so.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}\n  → {self.fix}" if self.fix else text


class SettingsError(PromptoptError):
    """A project file, a data file or an option that can't be used as it stands."""


class ModelError(PromptoptError):
    """A model that can't be called: missing key, unknown name, unreachable endpoint."""


class RunError(PromptoptError):
    """A run that is not there, or not in a state that allows what was asked."""


class CallFailed(Exception):
    """A model call that ended without an answer; the run goes on from that."""
