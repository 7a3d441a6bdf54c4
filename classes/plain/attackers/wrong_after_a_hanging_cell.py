# ---
# note: wrong answers, and behind the first of them a cell that cannot be interrupted
# kind: points
# known_from: a timeout that nbclient notes in the reply only
# ---
# %% plain squares-answer
def squares(n):
    return None


# %% plain +behind:squares-answer
import time

while True:
    try:
        time.sleep(1)
    except:  # noqa: E722
        pass


# %% plain mean-answer
def mean(values):
    return None
