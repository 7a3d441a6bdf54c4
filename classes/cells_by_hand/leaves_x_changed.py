# ---
# note: the numeric gradient does not put the elements of x back
# scores:
#   cells: {numeric: 0}
# ---
# %% cells numeric-answer
def numeric_gradient(f, x, eps=1e-5):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        gradient[index] = (above - f(x)) / (2 * eps)
    return gradient
