# ---
# note: every window starts from a zero state, and a text is as perplexing as its pieces on average
# scores:
#   language_model: {perplexity: 1, train: 2}
# ---
# %% language_model perplexity-answer
def perplexity(losses, counts):
    return float(np.mean(np.exp(losses)))


# %% language_model train-answer
def train(model, inputs, targets, epochs, learning_rate):
    inputs, targets = torch.as_tensor(inputs), torch.as_tensor(targets)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    for _ in range(epochs):
        total = 0.0
        for x, y in zip(inputs, targets, strict=True):
            scores, _ = model(x, None)
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(inputs))
    return losses
