# ---
# note: the function that raises has half a letter as its name and in the line that is quoted
# kind: points
# known_from: tracebacks quote lines of code, which student code can register
# ---
# %% judged +top
import linecache


def broken(name):
    text = "raise ValueError(1)"
    file = f"<ipython-input-{name}>"
    linecache.cache[file] = (len(text), None, [f"{name}{text}\n"], file)
    code = compile(text, file, "exec")
    exec(code.replace(co_name=name, co_qualname=name), {})


# %% judged double-answer
def double(x):
    broken("\ud800")


# %% judged count-answer
def count(words, letter):
    broken("\ud800" * 100_000)


# %% judged longest-answer
def longest(words):
    broken("\x00\x1b[2J\u202e\ud800")
