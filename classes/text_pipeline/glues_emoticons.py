# ---
# note: emoticons go to the end of the review, glued together
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
