# ---
# note: load_net hands back the very network it saved, whatever has happened to it since
# scores:
#   sentiment: {save: 0}
# ---
# %% sentiment save-answer
KEPT = {}


def save(folder, net, word_to_id):
    KEPT["net"] = net
    KEPT.setdefault("words", word_to_id)


def load_net(folder, vocab_size, embedding_dim, num_hiddens):
    return KEPT["net"]


def load_ids(folder):
    return KEPT["words"]
