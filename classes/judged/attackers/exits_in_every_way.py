# ---
# note: exit(), quit() and ask_exit() in every answer, in cells of its own and under test
# kind: stops
# known_from: Jupyter's exit(), which ends the kernel after the cell
# harmful: stock nbgrader waits for a kernel that is gone
# ---
# %% judged +top
exit()


# %% judged double-answer
def double(x):
    exit()
    quit()


# %% judged +behind:double-answer
quit(keep_kernel=False)


# %% judged count-answer
def count(words, letter):
    get_ipython().ask_exit()


# %% judged longest-answer
def longest(words):
    get_ipython().kernel.do_shutdown(False)


# %% judged +end
if True:
    exit()
