# ---
# note: counts V as t × r, cuts at the back, takes the fastest time; unfinished
# scores:
#   rnn: {count: 3, prepare: 3, measure: 2, table-test: 0, accuracy: 0}
# ---
# %% rnn count-answer
def count_parameters(num_words, embedding_dim, hidden_size):
    return {
        "embedding": num_words * embedding_dim,
        "recurrent": hidden_size * (embedding_dim + hidden_size + 1),
        "classifier": 1 * embedding_dim + 1,
    }


# %% rnn prepare-answer
def prepare(reviews, length, num_words):
    tokens = imdb.pad(reviews, length, truncating="post")
    return np.where(tokens < num_words, tokens, 2)


# %% rnn measure-answer
def measure(run, repeats, clock=time.perf_counter):
    run()
    seconds = []
    for _ in range(repeats):
        start = clock()
        run()
        seconds.append(clock() - start)
    return min(seconds)


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    raise NotImplementedError()
