"""Jobs of real programs that never end are killed, so that their tests fail and say what ran."""

from __future__ import annotations

import pytest
from programs import nothing_for_ever

LONGEST = 780.0
"""s for a test; the longest takes a fifth of it on two cores."""


@pytest.fixture(autouse=True)
def jobs_end(tmp_path):
    """End what a test left running in its folder, where the work of the test's computers is."""
    with nothing_for_ever(tmp_path, LONGEST):
        yield
