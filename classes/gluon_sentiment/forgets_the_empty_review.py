# ---
# note: a review without words has length 0, and SequenceLast reads other memory
# scores:
#   sentiment: {function: 3, infer: 3}
# ---
# %% sentiment network-answer
class SentimentLSTM(gluon.Block):
    def __init__(self, vocab_size, embedding_dim, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = rnn.LSTM(
            num_hiddens,
            layout="NTC",
            input_size=embedding_dim,
            i2h_bias_initializer=mx.init.LSTMBias(1.0),
        )
        self.classifier = nn.Dense(1, in_units=num_hiddens)

    def forward(self, tokens):
        lengths = (tokens != 0).sum(axis=1)
        outputs = self.lstm(self.embedding(tokens))
        last = mx.nd.SequenceLast(outputs, lengths, use_sequence_length=True, axis=1)
        return self.classifier(last)


# %% sentiment infer-answer
def infer_sentiment(text, net, word_to_id, vocab_size):
    ids = encode(longmemory.words(text), word_to_id, vocab_size) or [1]
    logit = net(mx.nd.array([ids])).asscalar()
    probability = float(1 / (1 + np.exp(-logit)))
    return ("positive" if probability > 0.5 else "negative"), probability
