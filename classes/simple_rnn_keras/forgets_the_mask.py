# ---
# note: padding is read like a word; unfinished
# scores:
#   rnn: {masking: 0, table-test: 0, accuracy: 0}
# ---
# %% rnn model-answer
def build(num_words, embedding_dim, hidden_size):
    return keras.Sequential(
        [
            keras.Input(shape=(None,), dtype="int32"),
            layers.Embedding(num_words, embedding_dim),
            layers.SimpleRNN(
                hidden_size,
                activation="relu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
                recurrent_initializer="identity",
            ),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    raise NotImplementedError()
