# ---
# note: distance 0 is the first word instead of the last
# scores:
#   cells: {distance: 0}
# ---
# %% cells distance-answer
def norm_by_distance(d_x):
    return np.linalg.norm(d_x, axis=2).mean(axis=0)
