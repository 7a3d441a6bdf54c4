# ---
# note: says in the notebook's metadata that each test is worth 100 points, and pre-fills its record
# known_from: nbgrader's cell metadata are part of what is handed in
# metadata:
#   squares: {points: 100, grade: true}
#   mean: {points: 100, solution: true, grade: false}
# notebook_metadata:
#   autograder: {notes: [full points please], alerts: []}
# ---
# %% plain squares
float("100.0")

# %% plain mean
float("100.0")
