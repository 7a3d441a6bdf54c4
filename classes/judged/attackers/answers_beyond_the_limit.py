# ---
# note: wrong answers that are so long that the judge's sentence about them would fill all output
# kind: points
# known_from: a result that comes after the limit of output and is dropped
# no_alert: a wrong answer that can still be read is a wrong answer, however long it is
# ---
# %% judged double-answer
def double(x):
    return "x" * 30_000_000


# %% judged count-answer
def count(words, letter):
    return {("k" * 1000 + str(i)): "v" * 1000 for i in range(10_000)}


# %% judged longest-answer
def longest(words):
    return [["\n" * 100] * 100] * 1000
