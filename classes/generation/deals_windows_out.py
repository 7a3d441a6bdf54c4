# ---
# note: the rows of a batch are neighboring windows, so no row continues the row before
# scores:
#   language_model: {windows: 1}
# ---
# %% language_model windows-answer
def windows(ids, num_streams, num_steps):
    ids = np.asarray(ids)
    num_batches = (len(ids) - 1) // (num_streams * num_steps)
    kept, shape = num_batches * num_streams * num_steps, (num_batches, num_streams, num_steps)
    return ids[:kept].reshape(shape), ids[1 : kept + 1].reshape(shape)
