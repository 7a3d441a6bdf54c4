# ---
# note: swaps the ids of tests and answers, so that an easy cell stands for a hard one
# known_from: nbgrader identifies cells by an id that students can edit
# metadata:
#   squares: {grade_id: sentiment}
#   sentiment: {grade_id: squares}
#   primes: {grade_id: primes-answer}
#   primes-answer: {grade_id: primes}
# ---
# %% plain squares
float("4.0")

# %% plain primes-answer
primes = None
