"""Settings of all tests."""

from hypothesis import settings

# A slow machine fails no test.
settings.register_profile("nodegraph", deadline=None)
settings.load_profile("nodegraph")
