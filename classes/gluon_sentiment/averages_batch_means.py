# ---
# note: accuses the harmless parts C, E and J; its accuracy is the mean of the batches' accuracies
# scores:
#   sentiment: {find: 2, score: 1}
# ---
# %% sentiment find-answer
SUSPECTS = ["B", "C", "E", "J", "K"]


# %% sentiment score-answer
def accuracy(net, index, encoded, labels, batch_size):
    means = []
    for rows, tokens in make_batches(index, encoded, batch_size):
        logits = net(mx.nd.array(tokens)).asnumpy()[:, 0]
        means.append(((logits > 0) == (labels[rows] > 0.5)).mean())
    return float(np.mean(means))
