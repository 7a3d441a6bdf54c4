# ---
# note: a filter is counted as kernel_size weights, as if a word were one number
# scores:
#   classifiers: {count: 3}
# ---
# %% classifiers count-answer
def count_parameters(width, num_words, embedding_dim, num_hiddens, num_filters, kernel_size):
    table = num_words * embedding_dim
    return {
        "raw_ids": (width + 1) * num_hiddens + num_hiddens + 1,
        "embeddings": table + (width * embedding_dim + 1) * num_hiddens + num_hiddens + 1,
        "cnn": table + num_filters * (kernel_size + 1) + (num_filters + 2) * num_hiddens + 1,
    }
