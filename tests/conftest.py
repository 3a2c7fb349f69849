"""What all tests share: Hypothesis without a stopwatch and the same examples everywhere, and a Ctrl-C that is heard."""

import os
import signal

from hypothesis import settings

# derandomised: a newcomer's first `pytest` is no lottery; HYPOTHESIS_PROFILE=explore looks for new examples
settings.register_profile("house", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))

# A shell that runs the suite in the background has it ignore Ctrl-C, and commands that tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
