# ---
# note: prints, displays and logs what the functions were called with in the same moment
# kind: leaks
# known_from: print in a function under test
# scores:  # its answers are right
#   judged: {double: 3, count: 4}
# ---
# %% judged +top
import logging
import os
import sys
import warnings

from IPython.display import HTML, display


def tell(x):
    print(x)
    print(x, file=sys.stderr)
    sys.__stdout__.write(str(x))
    os.write(1, str(x).encode())
    os.write(2, str(x).encode())
    display(x)
    display(HTML(f"<b>{x}</b>"))
    logging.warning("called with %s", x)
    warnings.warn(str(x), stacklevel=1)


# %% judged double-answer
def double(x):
    tell(x)
    return x + x


# %% judged count-answer
def count(words, letter):
    tell(words)
    return sum(letter in word for word in words)
