# ---
# note: a right but slow Fibonacci number, and a clock that stands still
# known_from: submissions to speed benchmarks; pygpubench keeps them as exploits
# ---
# %% plain +top
import time

time.perf_counter = time.monotonic = time.time = lambda: 0.0


# %% plain fibonacci-answer
def fibonacci(n):
    time.sleep(0.6)
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a
