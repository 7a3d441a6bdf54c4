# ---
# note: emoticons go to the end of the review, in one piece, as in a tokenizer that many have copied
# scores:
#   pipeline: {tokenize: 3}
# ---
# %% pipeline tokenize-answer
def tokenize(text):
    text = re.sub(r"<[^>]*>", " ", text).lower()
    emoticon = r"[:;=]-?(?:[()]|[dp](?!\w))"
    emoticons = "".join(re.findall(emoticon, text)).replace("-", "")
    words = re.findall(r"\w+(?:'\w+)*", re.sub(emoticon, " ", text))
    return [*words, emoticons] if emoticons else words
