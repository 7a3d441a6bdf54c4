# ---
# note: every answer is an endless loop that swallows the interrupt
# kind: points
# known_from: a test that never ended shows no error
# ---
# %% plain +top
import time


def forever():
    while True:
        try:
            time.sleep(1)
        except:  # noqa: E722
            pass


# %% plain squares-answer
def squares(n):
    forever()


# %% plain primes-answer
class Primes:
    def __len__(self):
        forever()


primes = Primes()


# %% plain mean-answer
def mean(values):
    forever()


# %% plain fibonacci-answer
def fibonacci(n):
    forever()
