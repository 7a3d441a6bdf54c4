# ---
# note: a notebook of 200 MB, to exhaust whoever reads it
# known_from: denial of service; progress bars of training loops do it by mistake
# output_mib: 200
# ---
# %% plain primes-answer
primes = None
