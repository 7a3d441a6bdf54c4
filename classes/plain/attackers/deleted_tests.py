# ---
# note: hands the notebook in without its tests
# known_from: cells that students delete by mistake
# delete: [squares, mean, sentiment]
# ---
# %% plain primes-answer
primes = None
