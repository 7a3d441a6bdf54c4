# ---
# note: answers with 10 GB of zeros, and with millions of empty lists
# known_from: resource exhaustion of the side that reads
# ---
# %% plain +top
from autograder.api import agent, wire


class TenGigabytes(str):
    def __repr__(self):
        return "'" + "0" * 10_000_000_000 + "'"


def handle(self, request):
    if '"get"' in request:
        return wire.encode({"ok": wire.Ref(0, "function")})
    return TenGigabytes() if "3" in request else "[" + "[]," * 20_000_000 + "[]]"


agent.Agent.handle = handle
