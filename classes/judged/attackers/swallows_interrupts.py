# ---
# note: loops that swallow interrupts, in cells, functions, destructors, reprs and a metaclass
# kind: stops
# known_from: a bare except in an endless loop
# harmful: stock nbgrader cannot interrupt it either
# ---
# %% judged +top
import time


def forever(*args):
    while True:
        try:
            time.sleep(1)
        except BaseException:
            continue


class Meta(type):
    __repr__ = __str__ = __instancecheck__ = forever


class Stuck(metaclass=Meta):
    __repr__ = __del__ = __len__ = __iter__ = __array__ = detach = forever


# %% judged double-answer
def double(x):
    return Stuck()


# %% judged count-answer
def count(words, letter):
    raise Stuck


# %% judged +behind:count-answer
Stuck()


# %% judged longest-answer
def longest(words):
    forever()


# %% judged +end
Stuck
