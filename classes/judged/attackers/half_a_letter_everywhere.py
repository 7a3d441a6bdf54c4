# ---
# note: half letters in names of exceptions, in keys, in values, in file names and in source
# kind: points
# known_from: UnicodeEncodeError, surrogates not allowed, on the way from kernel to client
# ---
# %% judged double-answer
def double(x):
    raise type("\ud800Error", (Exception,), {})("text")


# %% judged count-answer
def count(words, letter):
    return {"\ud800": "\udfff", "b": ["\ud800" * 3]}


# %% judged longest-answer
def longest(words):
    kind = type("\udcff", (), {"__repr__": lambda self: "\ud800"})
    exec(
        compile("raise OSError(2, '\ud800', '\ud801')", "<ipython-input-\ud800>", "exec"),
        {"k": kind},
    )
