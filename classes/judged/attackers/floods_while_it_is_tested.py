# ---
# note: floods the line while the judge waits for an answer, from a thread
# kind: floods
# known_from: output of a test is another student's output as well
# harmful: it would fill the grader's memory
# ---
# %% judged +top
import threading


def flood():
    while True:
        print("x" * 1_000_000)


# %% judged double-answer
def double(x):
    threading.Thread(target=flood).start()
    return None


# %% judged count-answer
def count(words, letter):
    while True:
        print("y" * 1000)
