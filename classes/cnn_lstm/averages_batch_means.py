# ---
# note: reports batch means divided by the number of reviews; Keras's settings hardly learn
# scores:
#   pytorch: {training: 0}
#   keras: {accuracy: 0}
# ---
# %% pytorch train-answer
def train(model, tokens, labels, epochs, batch_size, learning_rate):
    device = next(model.parameters()).device
    dataset = TensorDataset(torch.as_tensor(tokens).long(), torch.as_tensor(labels).float())
    loader = DataLoader(dataset, batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    loss_function = nn.BCEWithLogitsLoss()
    losses = []
    for _ in range(epochs):
        total = 0.0
        for batch, targets in loader:
            optimizer.zero_grad()
            loss = loss_function(model(batch.to(device)).squeeze(1), targets.to(device))
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(dataset))
    return losses


# %% keras settings
EPOCHS = 1
BATCH_SIZE = 1024
LEARNING_RATE = 0.0001
