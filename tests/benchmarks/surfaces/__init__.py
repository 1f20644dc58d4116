"""Tasks whose hidden model no optimizer can see into, and a model that proposes prompts for them."""

from tests.benchmarks.surfaces.base import Surface
from tests.benchmarks.surfaces.extraction import Extraction
from tests.benchmarks.surfaces.labels import Null, Triage
from tests.benchmarks.surfaces.points import Points
from tests.benchmarks.surfaces.style import Style

SURFACES: dict[str, type[Surface]] = {
    surface.name: surface for surface in (Triage, Extraction, Style, Points, Null)
}
"""The surfaces by name."""
