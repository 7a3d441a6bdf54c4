# ---
# note: 'cell metadata of every tool that has some: errors pass, cells are hidden and frozen'
# kind: points
# known_from: nbclient's raises-exception, nbconvert's remove_cell, papermill, RISE, nbgrader's lock
# cell_metadata:
#   "*":
#     tags: [raises-exception, remove_cell, remove_output, skip-execution, parameters, nbval-skip]
#     deletable: false
#     editable: false
#     autograder: {points: 11, note: "", where: judge}
#     deepnote_to_be_reexecuted: false
#     frozen: true
#     run_control: {frozen: true}
#     jupyter: {source_hidden: true, outputs_hidden: true}
#     slideshow: {slide_type: skip}
# ---
# %% judged +end
pass
