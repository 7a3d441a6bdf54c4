# ---
# note: the gradients are computed but no step is taken; in Keras only the first batch is trained on
# scores:
#   pytorch: {training: 0, accuracy: 0}
#   keras: {training: 0, accuracy: 0}
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
            total += loss.item() * len(batch)
        losses.append(total / len(dataset))
    return losses


# %% keras train-answer
def train(model, tokens, labels, epochs, batch_size, learning_rate):
    model.compile(optimizer=keras.optimizers.Adam(learning_rate), loss="binary_crossentropy")
    history = model.fit(tokens[:batch_size], labels[:batch_size], epochs=epochs, verbose=0)
    return history.history["loss"]
