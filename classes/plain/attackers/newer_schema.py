# ---
# note: says that a cell's metadata is of a future version of nbgrader
# known_from: nbgrader stops the whole run at it, so that nobody behind it in the alphabet is graded
# harmful: nbgrader would grade none of the others
# metadata:
#   mean: {schema_version: 99}
# ---
# %% plain primes-answer
primes = None
