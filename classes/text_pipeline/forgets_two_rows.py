# ---
# note: max_size limits the words only, so the ids go two beyond the embedding
# scores:
#   pipeline: {vocabulary: 3}
# ---
# %% pipeline vocabulary-answer
def build_vocabulary(counts, min_count=1, max_size=None):
    frequent = [word for word, count in counts.items() if count >= min_count]
    frequent.sort(key=lambda word: (-counts[word], word))
    entries = ["<pad>", "<unk>", *frequent[:max_size]]
    return {word: number for number, word in enumerate(entries)}
