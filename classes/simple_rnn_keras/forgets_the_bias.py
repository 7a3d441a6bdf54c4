# ---
# note: no bias in the recurrent layer, neither counted nor built; unfinished
# scores:
#   rnn: {count: 2, layers: 0, function: 0, masking: 0, table-test: 0, accuracy: 0}
# ---
# %% rnn count-answer
def count_parameters(num_words, embedding_dim, hidden_size):
    return {
        "embedding": num_words * embedding_dim,
        "recurrent": hidden_size * (embedding_dim + hidden_size),
        "classifier": hidden_size + 1,
    }


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
                use_bias=False,
            ),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    raise NotImplementedError()
