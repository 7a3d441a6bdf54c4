# ---
# note: right, but written differently (a recurrent layer of its own, classes, copies, sorted times)
# ---
# %% rnn count-answer
class Count(dict):
    def __init__(self, num_words, embedding_dim, hidden_size):
        super().__init__(embedding=num_words * embedding_dim)
        self["recurrent"] = sum(embedding_dim + hidden_size + 1 for _ in range(hidden_size))
        self["classifier"] = float(hidden_size + 1)


count_parameters = Count


# %% rnn model-answer
class Memory(layers.Layer):
    """s = ReLU(U w + W s + b), word by word; padding leaves s alone."""

    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, shape):
        draw = keras.initializers.RandomNormal(stddev=0.001)
        self.u = self.add_weight(shape=(shape[-1], self.units), initializer=draw, name="u")
        self.w = self.add_weight(shape=(self.units,) * 2, initializer="identity", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", name="b")

    def call(self, words, is_word):
        inputs = keras.ops.matmul(words, self.u) + self.b
        pairs = [keras.ops.transpose(inputs, (1, 0, 2)), keras.ops.transpose(is_word)]

        def step(state, pair):
            columns, real = pair
            new = keras.ops.relu(columns + keras.ops.matmul(state, self.w))
            state = keras.ops.where(real[:, None], new, state)
            return state, state

        return keras.ops.scan(step, keras.ops.zeros_like(inputs[:, 0]), pairs)[0]


class Network(keras.Model):
    def __init__(self, num_words, embedding_dim, hidden_size):
        super().__init__()
        self.embedding = layers.Embedding(num_words, embedding_dim)
        self.memory = Memory(hidden_size)
        self.verdict = layers.Dense(1, "sigmoid")

    def call(self, tokens):
        return self.verdict(self.memory(self.embedding(tokens), keras.ops.not_equal(tokens, 0)))


def build(num_words, embedding_dim, hidden_size):
    network = Network(num_words, embedding_dim, hidden_size)
    network(np.zeros((1, 1), dtype="int32"))
    return network


# %% rnn prepare-answer
def prepare(reviews, length, num_words):
    rows = []
    for review in reviews:
        row = [0] * length + [2 if number >= num_words else number for number in review]
        rows.append(row[len(row) - length :])
    return np.vstack(rows)


# %% rnn measure-answer
def measure(run, repeats, clock=time.perf_counter):
    run()
    seconds = np.zeros(repeats)
    for number in range(repeats):
        seconds[number] = -clock()
        run()
        seconds[number] += clock()
    return np.quantile(seconds, 0.5)


# %% rnn settings-answer
import copy


def one_at_a_time(base, changes):
    def settings():
        yield copy.deepcopy(base)
        for change in changes:
            setting = copy.deepcopy(base)
            for key in change:
                setting[key] = change[key]
            yield setting

    return [*settings()]


# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    settings = dict(setting)
    length = settings.pop("length")
    model = build(**settings)
    train(model, prepare(train_set[0], length, settings["num_words"]), np.array(train_set[1]))
    tokens = prepare(valid_set[0], length, settings["num_words"])
    right = 0
    for probability, label in zip(model.predict_on_batch(tokens), valid_set[1], strict=True):
        right += (probability.item() > 0.5) is bool(label)
    row = setting.copy()
    row.update(
        accuracy=right / len(tokens), parameters=int(sum(count_parameters(**settings).values()))
    )
    row.setdefault("seconds", measure(lambda: model.predict_on_batch(tokens), REPEATS).item())
    return [model, row]
