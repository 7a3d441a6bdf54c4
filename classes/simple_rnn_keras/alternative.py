# ---
# note: right, but written differently (a subclassed model around a cell, loops, Keras's own metric)
# ---
# %% rnn count-answer
def count_parameters(num_words, embedding_dim, hidden_size):
    u, w, b = embedding_dim * hidden_size, hidden_size**2, hidden_size
    embedding = num_words * embedding_dim
    return dict(classifier=hidden_size + 1, recurrent=u + w + b, embedding=embedding)


# %% rnn model-answer
class Reader(keras.Model):
    def __init__(self, num_words, embedding_dim, hidden_size):
        super().__init__()
        self.verdict = layers.Dense(1)
        start = keras.initializers.RandomNormal(0.0, 0.001)
        cell = layers.SimpleRNNCell(hidden_size, "relu", True, start, keras.initializers.Identity())
        self.memory = layers.RNN(cell, return_sequences=True)
        self.words = layers.Embedding(num_words, embedding_dim)

    def call(self, tokens):
        mask = keras.ops.not_equal(tokens, 0)
        states = self.memory(self.words(tokens), mask=mask)  # padding repeats the state before it
        return keras.ops.sigmoid(self.verdict(states[:, -1]))


def build(num_words, embedding_dim, hidden_size):
    model = Reader(num_words, embedding_dim, hidden_size)
    model(keras.ops.ones((1, 2), dtype="int32"))  # creates the weights
    return model


# %% rnn prepare-answer
def prepare(reviews, length, num_words):
    tokens = np.zeros((len(reviews), length), dtype=np.int32)
    for row, review in zip(tokens, reviews, strict=True):
        known = [number if number < num_words else 2 for number in review][-length:]
        row[length - len(known) :] = known
    return tokens


# %% rnn measure-answer
def measure(run, repeats, clock=time.perf_counter):
    times = []
    for _ in range(1 + repeats):
        start = clock()
        run()
        times.append(clock() - start)
    ordered = sorted(times[1:])
    return (ordered[repeats // 2] + ordered[(repeats - 1) // 2]) / 2


# %% rnn settings-answer
def one_at_a_time(base, changes):
    settings = []
    for change in [{}, *changes]:
        setting = dict(base)
        setting.update(change)
        settings.append(setting)
    return settings


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    length, sizes = setting["length"], [v for k, v in setting.items() if k != "length"]
    model = build(*sizes)
    train(model, prepare(train_set[0], length, sizes[0]), train_set[1])
    tokens = prepare(valid_set[0], length, sizes[0])
    row = {"seconds": measure(lambda: model.predict_on_batch(tokens), 15)}
    metric = keras.metrics.BinaryAccuracy()
    row["accuracy"] = float(metric(valid_set[1][:, None], model.predict_on_batch(tokens)))
    row["parameters"] = sum(counted for counted in count_parameters(*sizes).values())
    return model, {**row, **setting}
