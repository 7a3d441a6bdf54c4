# ---
# note: the last unit is linear, so the outputs are no probabilities; unfinished
# scores:
#   rnn: {function: 0, masking: 0, table-test: 0, accuracy: 0}
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
            ),
            layers.Dense(1),
        ]
    )


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    raise NotImplementedError()
