# ---
# note: a tag on every cell of the assignment tells nbclient to skip it; no code at all
# kind: points
# known_from: nbclient's `skip_cells_with_tag`; Jupyter's tag editor
# cell_metadata:
#   "*": {tags: [skip-execution]}
# ---
# %% judged +end
pass
