# ---
# note: nested brackets, stars, quotes, tables and formulas that take renderers a long time
# kind: floods
# known_from: renderers whose cost grows with the square of their input
# harmful: it may take hours
# repeat:
#   essay: ["[", 200000]
#   +markdown: ["> ", 50000]
# markdown:
#   - "a"
# ---
# %% judged +end
from IPython.display import Markdown, display

for text in ("*a **b ", "[a](", "`", "<", "$a", "![", "|-", "\\", "_a_", "~~", "- " * 40 + "\n"):
    display(Markdown(text * 40_000))
