# ---
# note: returns all states, so there is one probability per word; unfinished
# scores:
#   rnn: {shapes: 0, function: 0, masking: 0, table-test: 0, accuracy: 0}
# ---
# %% rnn model-answer
def build(num_words, embedding_dim, hidden_size):
    return keras.Sequential(
        [
            keras.Input(shape=(None,), dtype="int32"),
            layers.Embedding(num_words, embedding_dim, mask_zero=True),
            layers.SimpleRNN(
                hidden_size,
                activation="relu",
                kernel_initializer=keras.initializers.RandomNormal(stddev=0.001),
                recurrent_initializer="identity",
                return_sequences=True,
            ),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    raise NotImplementedError()
