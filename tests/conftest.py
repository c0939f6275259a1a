"""One hypothesis profile for all tests: no deadline, and the same examples each run."""

from hypothesis import settings

settings.register_profile("lrkit", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("lrkit")
