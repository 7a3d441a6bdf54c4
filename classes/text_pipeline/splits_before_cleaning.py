# ---
# note: splits first, so new lines separate, and a dash between spaces leaves an empty word
# scores:
#   pipeline: {clean: 2}
# ---
# %% pipeline clean-answer
def clean(text):
    words = text.lower().replace("<br />", " ").split()
    return [re.sub(r"[^a-z0-9]", "", word) for word in words]
