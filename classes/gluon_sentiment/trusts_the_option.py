# ---
# note: leaves the lengths to rnn.LSTM, whose option MXNet 1.9.1 ignores on a CPU
# scores:
#   sentiment: {function: 1, accuracy: 0}
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
            use_sequence_length=True,
        )
        self.classifier = nn.Dense(1, in_units=num_hiddens)

    def forward(self, tokens):
        lengths = mx.nd.maximum((tokens != 0).sum(axis=1), 1)
        start = self.lstm.begin_state(batch_size=len(tokens))
        _, (last, _) = self.lstm(self.embedding(tokens), start, sequence_length=lengths)
        return self.classifier(last[0])
