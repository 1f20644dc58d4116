"""The terminal UI. It knows the engine only through the store, its types and the fold over a run's events."""


def run(run_id: str | None = None) -> int:
    """Open the terminal UI on the list of runs, or on one run; returns the exit status.

    Raises:
        SettingsError: this is a cell of a notebook, which has no terminal: ``promptopt.tui()`` is for that.
        PromptoptError: there is no such run, or the store can't be opened.
    """
    from promptopt_tui.app import run as open_app

    return open_app(run_id=run_id)
