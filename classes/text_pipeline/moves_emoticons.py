# ---
# note: emoticons are tokens of their own, but they come after all the words
# scores:
#   pipeline: {tokenize: 4}
# ---
# %% pipeline tokenize-answer
def tokenize(text):
    text = re.sub(r"<[^>]*>", " ", text).lower()
    emoticon = r"[:;=]-?(?:[()]|[dp](?!\w))"
    emoticons = [found.replace("-", "") for found in re.findall(emoticon, text)]
    return re.findall(r"\w+(?:'\w+)*", re.sub(emoticon, " ", text)) + emoticons
