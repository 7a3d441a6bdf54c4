# ---
# note: names another kernel, to be graded where "assert" means nothing
# known_from: the kernelspec in a notebook's metadata decides what is started
# notebook_metadata:
#   kernelspec: {name: gluon, display_name: Python 3, language: bash, argv: [sh, -c, "true"]}
#   language_info: {name: bash}
# ---
# %% plain primes-answer
primes = None
