# ---
# note: str.lower and str.split where Keras counted bytes
# scores:
#   pipeline: {keras: 1}
# ---
# %% pipeline keras-answer
def keras_words(text):
    return text.lower().translate(str.maketrans(SEPARATORS, " " * len(SEPARATORS))).split()
