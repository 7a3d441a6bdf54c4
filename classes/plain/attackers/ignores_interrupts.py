# ---
# note: ignores SIGINT and catches KeyboardInterrupt, so that a time limit does not stop it
# known_from: '`except:` around an endless loop'
# harmful: it would run on after the time limit
# ---
# %% plain +top
import signal

signal.signal(signal.SIGINT, signal.SIG_IGN)


# %% plain mean-answer
def mean(values):
    while True:
        try:
            while True:
                pass
        except KeyboardInterrupt:
            continue
