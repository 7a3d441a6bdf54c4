# ---
# note: prints without end, to fill the notebook, the gradebook and the feedback page
# known_from: denial of service; notebooks of gigabytes
# harmful: it would fill the grader's memory
# ---
# %% plain +top
import time

start = time.monotonic()
while time.monotonic() - start < 3:
    print("all work and no play " * 5000)
