# ---
# note: answers with half a JSON text, then with nested lists without end
# known_from: parsers that recurse
# ---
# %% plain +top
from autograder.api import agent, wire


def handle(self, request):
    if '"get"' in request:
        return wire.encode({"ok": wire.Ref(0, "function")})
    return "[" * 1_000_000 if "2" in request else '{"$dict": [["ok", {"$ref": [Infinity, 1]}'


agent.Agent.handle = handle
