"""What large imports do to the collector of garbage."""

import gc

import pytest

from promptopt.domain.imports import uncollected


@pytest.mark.parametrize("on", [True, False])
def test_the_collector_is_afterwards_as_it_was(on: bool) -> None:
    before = gc.isenabled()
    try:
        gc.enable() if on else gc.disable()
        with pytest.raises(ImportError), uncollected():
            assert not gc.isenabled()
            raise ImportError
        assert gc.isenabled() is on
    finally:
        gc.enable() if before else gc.disable()
