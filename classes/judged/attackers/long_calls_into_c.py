# ---
# note: computations that return to Python only after hours
# kind: stops
# known_from: an interrupt is seen between two lines of Python
# harmful: stock nbgrader cannot interrupt it either
# ---
# %% judged +top
import re

re.match("(a+)+$", "a" * 60 + "b")


# %% judged double-answer
def double(x):
    return str(7 ** (10**9))


# %% judged count-answer
def count(words, letter):
    return sum(range(10**15))


# %% judged longest-answer
def longest(words):
    return max(range(10**15))
