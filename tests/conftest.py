"""What all tests share: Hypothesis without a stopwatch, and the same examples on every machine."""

import os

from hypothesis import settings

# derandomised: a newcomer's first `pytest` is no lottery; HYPOTHESIS_PROFILE=explore looks for new examples
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))
