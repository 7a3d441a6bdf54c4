# ---
# note: the target at each place is the word that was read
# scores:
#   language_model: {windows: 2, unseen: 0}
# ---
# %% language_model windows-answer
def windows(ids, num_streams, num_steps):
    ids = np.asarray(ids)
    num_batches = (len(ids) - 1) // (num_streams * num_steps)
    kept = ids[: num_batches * num_streams * num_steps]
    kept = kept.reshape(num_streams, num_batches, num_steps).swapaxes(0, 1)
    return kept, kept
