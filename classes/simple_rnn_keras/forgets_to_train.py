# ---
# note: the networks are judged as they were built
# scores:
#   rnn: {accuracy: 0}
# ---
# %% rnn examine-answer
def examine(setting, seed, train_set, valid_set):
    keras.utils.set_random_seed(seed)
    num_words = setting["num_words"]
    model = build(num_words, setting["embedding_dim"], setting["hidden_size"])
    tokens = prepare(valid_set[0], setting["length"], num_words)
    positive = model.predict_on_batch(tokens)[:, 0] > 0.5
    row = setting | {
        "parameters": model.count_params(),
        "accuracy": float(np.mean(positive == (valid_set[1] > 0.5))),
        "seconds": measure(lambda: model.predict_on_batch(tokens), repeats=15),
    }
    return model, row
