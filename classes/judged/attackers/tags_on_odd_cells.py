# ---
# note: tags that are no list, on cells of its own with the ids and names of official ones
# kind: points
# known_from: metadata that is merged, not replaced; ids that stand twice
# cell_metadata:
#   double: {tags: skip-execution, nbgrader: {grade_id: double, grade: true, points: 3}}
#   count: {tags: {skip-execution: true}, execution: {status: ok}}
#   longest: {tags: [[skip-execution], skip-execution, null]}
# notebook_metadata: {tags: [skip-execution], autograder: {points: 11}}
# ---
# %% judged +end
pass
