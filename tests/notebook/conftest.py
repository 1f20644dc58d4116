"""What the tests of whole runs use, here as well."""

from tests.engine.conftest import bench, forking

__all__ = ["bench", "forking"]
