# ---
# note: errors whose texts cannot be encoded, so that no message of them leaves the kernel
# kind: points
# known_from: UnicodeEncodeError, surrogates not allowed, on the way from kernel to client
# ---
# %% plain squares-answer
def squares(n):
    raise ValueError("\ud800")


# %% plain primes-answer
primes = ["\ud800"] * 8


# %% plain mean-answer
def mean(values):
    raise type("\ud800", (Exception,), {})


# %% plain sentiment-answer
class Label(int):
    def __eq__(self, other):
        raise AssertionError("\udfff")


def sentiment(text):
    return Label()


# %% plain fibonacci-answer
def fibonacci(n):
    raise type("E" * 1_500_000, (Exception,), {})("\ud800")
