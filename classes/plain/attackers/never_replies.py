# ---
# note: does not answer at all
# known_from: denial of service
# ---
# %% plain +top
import time

from autograder.api import agent


def handle(self, request):
    time.sleep(10_000 if '"squares"' in request else 0)


agent.Agent.handle = handle
