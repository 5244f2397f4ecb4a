"""One database for all tests of a module, as the journeys have it."""

from tests.journey.conftest import shared_database

__all__ = ["shared_database"]
