# ---
# note: ignores SIGINT and SIGTERM, blocks them in its thread, and then works without an end
# kind: stops
# known_from: signal.SIG_IGN and pthread_sigmask
# harmful: stock nbgrader cannot interrupt it either
# ---
# %% judged +top
import signal
import time

for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 32))


# %% judged double-answer
def double(x):
    while True:
        time.sleep(1)


# %% judged +behind:double-answer
while True:
    time.sleep(1)


# %% judged longest-answer
def longest(words):
    return sum(range(10**15))
