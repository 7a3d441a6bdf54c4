# ---
# note: right, but written differently (functional API, an explicit mask, pad_sequences, ChainMap)
# ---
# %% rnn count-answer
def count_parameters(num_words, embedding_dim, hidden_size):
    shapes = {
        "embedding": [(num_words, embedding_dim)],
        "recurrent": [(embedding_dim, hidden_size), (hidden_size, hidden_size), (hidden_size,)],
        "classifier": [(hidden_size, 1), (1,)],
    }
    return {layer: np.sum([np.prod(shape) for shape in each]) for layer, each in shapes.items()}


# %% rnn model-answer
def build(num_words, embedding_dim, hidden_size):
    tokens = keras.Input(shape=(None,), dtype="int32", name="tokens")
    is_word = tokens > 0
    words = layers.Embedding(input_dim=num_words, output_dim=embedding_dim)(tokens)
    cell = layers.SimpleRNNCell(
        hidden_size,
        activation=keras.ops.relu,
        kernel_initializer=keras.initializers.RandomNormal(0, 1e-3),
        recurrent_initializer=keras.initializers.Identity(),
    )
    state = layers.RNN(cell)(words, mask=is_word)
    probability = layers.Dense(units=1, activation=keras.ops.sigmoid)(state)
    return keras.Model(inputs=tokens, outputs=probability)


# %% rnn prepare-answer
def prepare(reviews, length, num_words):
    last = keras.utils.pad_sequences(reviews, maxlen=length, padding="pre", truncating="pre")
    last[last >= num_words] = 2
    return last.astype(np.int64)


# %% rnn measure-answer
from statistics import median


def measure(run, repeats, clock=time.perf_counter):
    def call(_):
        begin = clock()
        run()
        return clock() - begin

    _, *times = map(call, range(repeats + 1))  # the first one warms up
    return median(times)


# %% rnn settings-answer
from collections import ChainMap


def one_at_a_time(base, changes):
    return [dict(ChainMap(change, base)) for change in ({}, *changes)]


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    length, num_words, dim, hidden = (
        setting[name] for name in ("length", "num_words", "embedding_dim", "hidden_size")
    )
    (train_tokens, train_labels), (tokens, labels) = (
        (prepare(reviews, length, num_words), answers)
        for reviews, answers in (train_set, valid_set)
    )
    model = build(num_words, dim, hidden)
    train(model, train_tokens, train_labels)
    right = np.equal(np.rint(model.predict_on_batch(tokens)), np.reshape(labels, (-1, 1)))
    row = {**setting, "parameters": sum(weight.numpy().size for weight in model.weights)}
    row["accuracy"] = right.mean(dtype=np.float64)
    row["seconds"] = measure(lambda: model.predict_on_batch(tokens), REPEATS)
    row["setting"] = str(setting)
    return model, row
