# ---
# note: exceptions with names of a million letters and texts that cannot be encoded, both at once
# kind: points
# known_from: two gaps together, where each one alone is noticed
# no_alert: a class is made, an exception raised
# ---
# %% judged +top
Long = type("E" * 1_500_000, (Exception,), {"__str__": lambda self: "\ud800" * 2_000_000})


# %% judged double-answer
def double(x):
    raise Long


# %% judged count-answer
def count(words, letter):
    raise Long if len(words) > 2 or not words else Long("\ud800")


# %% judged longest-answer
def longest(words):
    raise Long
