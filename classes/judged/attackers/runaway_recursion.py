# ---
# note: recursion without an end and without a limit, in Python, in C and in the messages
# kind: stops
# known_from: sys.setrecursionlimit; a stack that overflows ends the process
# harmful: it would take a lot of memory
# ---
# %% judged +top
import sys

sys.setrecursionlimit(10**9)


class Deep:
    def __repr__(self):
        return repr(Deep())

    __str__ = __repr__


# %% judged double-answer
def double(x):
    return double(x)


# %% judged +behind:double-answer
Deep()


# %% judged count-answer
def count(words, letter):
    nested = []
    for _ in range(3_000_000):
        nested = [nested]
    return nested


# %% judged longest-answer
def longest(words):
    raise ValueError(Deep())
