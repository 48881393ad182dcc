"""Settings of the whole suite."""

from hypothesis import settings

# No wall-clock assertions: the first example of a test may import a heavy library.
settings.register_profile("project", deadline=None)
settings.load_profile("project")
