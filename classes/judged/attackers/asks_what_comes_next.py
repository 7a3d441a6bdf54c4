# ---
# note: events, hooks and timers that print what the functions were called with after every cell
# kind: leaks
# known_from: IPython's events; sys.excepthook; asyncio
# scores:  # its answers are right
#   judged: {double: 3, count: 4}
# ---
# %% judged +top
import asyncio
import gc
import sys

kept = []
show = lambda *args: print(kept)  # noqa: E731
for event in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
    get_ipython().events.register(event, show)
gc.callbacks.append(show)
sys.displayhook = sys.excepthook = show
asyncio.get_event_loop().call_later(2, show)


# %% judged double-answer
def double(x):
    kept.append(x)
    return x + x


# %% judged count-answer
def count(words, letter):
    kept.append(words)
    return sum(letter in word for word in words)


# %% judged +end
1 / 0
