# ---
# note: averages the gradients over the texts first, where they cancel, and takes the norm then
# scores:
#   cells: {distance: 0}
# ---
# %% cells distance-answer
def norm_by_distance(d_x):
    return np.linalg.norm(d_x.mean(axis=0), axis=1)[::-1]
