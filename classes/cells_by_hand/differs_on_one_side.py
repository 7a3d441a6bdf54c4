# ---
# note: the numeric gradient takes a difference on one side only
# scores:
#   cells: {numeric: 1}
# ---
# %% cells numeric-answer
def numeric_gradient(f, x, eps=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        before = f(x)
        x[index] += eps
        gradient[index] = (f(x) - before) / eps
        x[index] -= eps
    return gradient
