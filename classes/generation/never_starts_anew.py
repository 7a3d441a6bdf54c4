# ---
# note: carries the state from the end of the text to its beginning
# scores:
#   language_model: {train: 3}
# ---
# %% language_model train-answer
def train(model, inputs, targets, epochs, learning_rate):
    inputs, targets = torch.as_tensor(inputs), torch.as_tensor(targets)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    losses = []
    state = None
    for _ in range(epochs):
        total = 0.0
        for x, y in zip(inputs, targets, strict=True):
            scores, state = model(x, state)
            state = tuple(part.detach() for part in state)
            loss = nn.functional.cross_entropy(scores.flatten(0, 1), y.flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(inputs))
    return losses
