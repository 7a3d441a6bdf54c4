# ---
# note: raises an exception whose text is half of a surrogate pair, which no message can be made of
# kind: points
# known_from: UnicodeEncodeError, surrogates not allowed, on the way from kernel to client
# no_alert: an exception is raised
# ---
# %% judged double-answer
def double(x):
    raise ValueError("\ud800")


# %% judged count-answer
def count(words, letter):
    raise AssertionError("\udfff" * 1000)


# %% judged longest-answer
def longest(words):
    raise KeyError("a\udc80b")
