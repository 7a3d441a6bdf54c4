# ---
# note: keeps the script's classifier; Dense flattens and takes only the first batch's length
# scores:
#   sentiment: {count: 0, function: 0, score: 0, save: 0, infer: 0, accuracy: 0}
# ---
# %% sentiment network-answer
class SentimentLSTM(gluon.Block):
    def __init__(self, vocab_size, embedding_dim, num_hiddens):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.lstm = rnn.LSTM(num_hiddens, layout="NTC")
        self.classifier = nn.Dense(1)

    def forward(self, tokens):
        return self.classifier(self.lstm(self.embedding(tokens)))
