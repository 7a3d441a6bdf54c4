# ---
# note: Markdown cells of many kinds, each of which is slow to be rendered or cleaned
# kind: floods
# known_from: renderers and sanitizers whose cost grows with the square of their input
# harmful: it may take hours
# repeat:
#   essay: ["*a **b _c ", 60000]
#   +markdown: ["<div><b>", 60000]
# markdown:
#   - "[a]: <x\n"
# ---
# %% judged +end
print("<" * 900_000)
print("\x1b[31m" * 150_000)
