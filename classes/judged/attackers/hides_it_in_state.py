# ---
# note: keeps what it was called with where no list of variables finds it
# kind: leaks
# known_from: closures, attributes, modules, defaults, interned names, In and Out
# scores:  # its answers are right
#   judged: {double: 3, count: 4}
# ---
# %% judged +top
import builtins
import sys
import types


def remember(x, kept=[]):  # noqa: B006
    kept.append(x)
    builtins.notes = kept
    sys.modules["notes"] = types.SimpleNamespace(kept=kept)
    type(get_ipython()).notes = remember.notes = kept
    get_ipython().user_ns["_oh"][99] = kept
    get_ipython().history_manager.input_hist_raw.append(repr(kept))
    len_ = sys.modules["autograder.api.agent"]
    len_.agent().notes = kept


# %% judged double-answer
def double(x):
    remember(x)
    return x + x


# %% judged count-answer
def count(words, letter):
    remember(words)
    return sum(letter in word for word in words)


# %% judged +behind:double
print(remember.__defaults__)


# %% judged +end
print(getattr(__import__("builtins"), "notes", ""), remember.__defaults__, remember.__dict__)
print(__import__("sys").modules.get("notes"), getattr(get_ipython(), "notes", ""), Out, In)
agent = vars(__import__("autograder.api.agent").api.agent.agent())
own = ("namespace", "next_id")  # its id begins at the time
print({name: value for name, value in agent.items() if name not in own})
get_ipython().run_line_magic("history", "-g")
