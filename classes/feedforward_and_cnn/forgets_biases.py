# ---
# note: counts weights only; merges two layers and leaves the first bias out
# scores:
#   classifiers: {count: 0, merge: 1}
# ---
# %% classifiers count-answer
def count_parameters(width, num_words, embedding_dim, num_hiddens, num_filters, kernel_size):
    table = num_words * embedding_dim
    return {
        "raw_ids": width * num_hiddens + num_hiddens,
        "embeddings": table + width * embedding_dim * num_hiddens + num_hiddens,
        "cnn": table + num_filters * kernel_size * embedding_dim + (num_filters + 1) * num_hiddens,
    }


# %% classifiers merge-answer
def merge(w1, b1, w2, b2):
    return w2 @ w1, b2
