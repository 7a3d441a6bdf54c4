# ---
# note: rare words become 0; the mean of all calls, the warm-up among them; unfinished
# scores:
#   rnn: {prepare: 3, measure: 1, table-test: 0, accuracy: 0}
# ---
# %% rnn prepare-answer
def prepare(reviews, length, num_words):
    tokens = imdb.pad(reviews, length)
    return np.where(tokens < num_words, tokens, 0)


# %% rnn measure-answer
def measure(run, repeats, clock=time.perf_counter):
    start = clock()
    for _ in range(repeats + 1):
        run()
    return (clock() - start) / (repeats + 1)


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    raise NotImplementedError()
