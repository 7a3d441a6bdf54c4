# ---
# note: deletes < and > before it looks for line breaks, so that br becomes part of the text
# scores:
#   pipeline: {clean: 3}
# ---
# %% pipeline clean-answer
def clean(text):
    text = re.sub(r"[^a-z0-9 ]", "", text.replace("\n", "").lower())
    return text.replace("<br />", " ").split()
