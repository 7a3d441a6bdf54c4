# ---
# note: a thread prints what the functions were called with, from time to time and at the end
# kind: leaks
# known_from: output of threads goes to the cell that runs
# scores:  # its answers are right
#   judged: {double: 3, count: 4}
# ---
# %% judged +top
import threading
import time

kept = []


def talk():
    for _ in range(600):
        time.sleep(0.05)
        print(kept, flush=True)


threading.Thread(target=talk).start()


# %% judged double-answer
def double(x):
    kept.append(x)
    return x + x


# %% judged count-answer
def count(words, letter):
    kept.append(words)
    return sum(letter in word for word in words)


# %% judged +end
time.sleep(1)
