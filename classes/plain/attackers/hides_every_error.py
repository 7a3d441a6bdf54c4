# ---
# note: everything that shows an error is replaced in the classes, not in the objects
# kind: points
# known_from: nbgrader's issue 1324 and its fixtures "cheat attempt"
# ---
# %% plain +top
import ipykernel.zmqshell
from IPython.core import interactiveshell, ultratb

quiet = lambda *args, **kwargs: None  # noqa: E731
for kind in (interactiveshell.InteractiveShell, ipykernel.zmqshell.ZMQInteractiveShell):
    kind.showtraceback = kind._showtraceback = kind.showsyntaxerror = quiet
ultratb.AutoFormattedTB.structured_traceback = lambda *args, **kwargs: []


# %% plain squares-answer
def squares(n):
    return 0


# %% plain mean-answer
def mean(values):
    return 0


# %% plain fibonacci-answer
def fibonacci(n):
    return 0
