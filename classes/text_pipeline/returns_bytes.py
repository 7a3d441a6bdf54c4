# ---
# note: the words stay bytes, which no test and no vocabulary of str can use
# scores:
#   pipeline: {keras: 0}
# ---
# %% pipeline keras-answer
def keras_words(text):
    separators = SEPARATORS.encode()
    table = bytes.maketrans(separators, b" " * len(separators))
    return text.encode().lower().translate(table).split()
