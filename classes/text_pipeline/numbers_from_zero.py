# ---
# note: the most frequent words get the ids of <pad> and <unk>
# scores:
#   pipeline: {vocabulary: 0}
# ---
# %% pipeline vocabulary-answer
def build_vocabulary(counts, min_count=1, max_size=None):
    frequent = [word for word, count in counts.items() if count >= min_count]
    frequent.sort(key=lambda word: (-counts[word], word))
    vocabulary = {word: number for number, word in enumerate(frequent[:max_size])}
    return vocabulary | {"<pad>": 0, "<unk>": 1}
