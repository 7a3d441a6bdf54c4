# ---
# note: each answer ends the kernel in another way, as does each of its results
# kind: stops
# known_from: os._exit, SIGKILL and aborts in functions under test
# harmful: it would send signals to the grader
# ---
# %% judged +top
import os
import signal


# %% judged double-answer
def double(x):
    os.kill(os.getpid(), signal.SIGSTOP)


# %% judged count-answer
def count(words, letter):
    os.killpg(0, signal.SIGKILL)


# %% judged longest-answer
def longest(words):
    os.execv("/bin/true", ["true"])
