# ---
# note: most_common leaves equally frequent words in the order in which they were first read
# scores:
#   pipeline: {vocabulary: 3}
# ---
# %% pipeline vocabulary-answer
def build_vocabulary(counts, min_count=1, max_size=None):
    words = [word for word, count in Counter(counts).most_common() if count >= min_count]
    entries = ["<pad>", "<unk>", *words][:max_size]
    return {word: number for number, word in enumerate(entries)}
