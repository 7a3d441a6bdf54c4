# ---
# note: a greedy pattern takes everything from the first < to the last > for one tag
# scores:
#   pipeline: {tokenize: 4}
# ---
# %% pipeline tokenize-answer
def tokenize(text):
    text = re.sub(r"<.*>", " ", text).lower()
    tokens = re.findall(r"[:;=]-?(?:[()]|[dp](?!\w))|\w+(?:'\w+)*", text)
    return [token.replace("-", "") for token in tokens]
