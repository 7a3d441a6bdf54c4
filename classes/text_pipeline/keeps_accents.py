# ---
# note: keeps what Python calls a letter, accents and Greek too, where only a to z may stay
# scores:
#   pipeline: {clean: 3}
# ---
# %% pipeline clean-answer
def clean(text):
    text = text.replace("\n", "").lower().replace("<br />", " ")
    return "".join(c for c in text if c.isalnum() or c == " ").split()
