# ---
# note: tanh, and the starting values that Keras takes by itself; unfinished
# scores:
#   rnn: {start: 0, function: 0, masking: 0, table-test: 0, accuracy: 0}
# ---
# %% rnn model-answer
def build(num_words, embedding_dim, hidden_size):
    return keras.Sequential(
        [
            keras.Input(shape=(None,), dtype="int32"),
            layers.Embedding(num_words, embedding_dim, mask_zero=True),
            layers.SimpleRNN(hidden_size),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    raise NotImplementedError()
