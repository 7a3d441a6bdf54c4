# ---
# note: writes what the functions were called with into a display of the first cell
# kind: leaks
# known_from: update_display_data
# scores:  # its answers are right
#   judged: {double: 3, count: 4}
# ---
# %% judged +top
from IPython.display import clear_output, display

handles = [display("nothing yet", display_id=True) for _ in range(3)]


# %% judged double-answer
def double(x):
    handles[0].update(str(x))
    return x + x


# %% judged count-answer
def count(words, letter):
    handles[0].update(str(words))
    return sum(letter in word for word in words)


# %% judged +behind:double
handles[1].update(In)
handles[2].display(Out)


# %% judged +end
clear_output()
