# ---
# note: hands in a symbolic link to somebody else's notebook in place of its own
# known_from: symbolic links in submitted archives (CWE-59)
# links:
#   plain.ipynb: ../../honest/plain/plain.ipynb
# ---
# %% plain primes-answer
primes = None
