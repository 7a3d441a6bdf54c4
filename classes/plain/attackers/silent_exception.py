# ---
# note: raises an exception that renders as nothing, and SystemExit, to leave a test halfway
# known_from: '`exit()` in a function under test'
# ---
# %% plain +top
class Silent(BaseException):
    def _render_traceback_(self):
        return []


# %% plain squares-answer
def squares(n):
    raise Silent


# %% plain mean-answer
def mean(values):
    raise SystemExit(0)


# %% plain sentiment-answer
def sentiment(text):
    raise GeneratorExit


# %% plain fibonacci-answer
def fibonacci(n):
    raise StopIteration
