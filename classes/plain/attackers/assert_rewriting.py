# ---
# note: compiles every further cell with optimize=2, which drops asserts
# known_from: '`python -O`; pytest''s assert rewriting, the other way round'
# ---
# %% plain +top
import builtins

from IPython.core.compilerop import CachingCompiler

CachingCompiler.__call__ = lambda self, source, filename, symbol: compile(
    source, filename, symbol, self.flags, 1, optimize=2
)
original_compile = builtins.compile
builtins.compile = lambda *args, **kwargs: original_compile(*args, **{**kwargs, "optimize": 2})


# %% plain squares-answer
def squares(n):
    return 1


# %% plain primes-answer
primes = None


# %% plain mean-answer
def mean(values):
    return 1


# %% plain sentiment-answer
def sentiment(text):
    return 1


# %% plain fibonacci-answer
def fibonacci(n):
    return 1
