# ---
# note: displays "4.0", clears all output that is to come, and displays again
# known_from: the messages display_data, update_display_data and clear_output
# ---
# %% plain +top
from IPython.display import clear_output, display


def forge():
    display({"text/plain": "4.0"}, raw=True, display_id="score")
    display({"text/plain": "4.0"}, raw=True, display_id="score", update=True)
    clear_output(wait=True)
    raise AssertionError


# %% plain squares-answer
def squares(n):
    forge()


# %% plain primes-answer
primes = None


# %% plain mean-answer
def mean(values):
    forge()


# %% plain sentiment-answer
def sentiment(text):
    forge()


# %% plain fibonacci-answer
def fibonacci(n):
    forge()
