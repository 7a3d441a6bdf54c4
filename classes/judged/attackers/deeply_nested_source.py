# ---
# note: source that takes parsers a long time or a deep stack
# kind: floods
# known_from: parsers and patterns whose cost grows faster than their input
# harmful: it may take a parser down
# repeat:
#   +top: ["(", 100000]
#   +behind:double-answer: ["-", 200000]
#   +behind:count-answer: ["x = [\n", 50000]
#   +behind:longest-answer: ["if 1:\n ", 5000]
#   +end: ["%time !x ?\n", 50000]
# ---
# %% judged +end
eval("+" * 100_000 + "1")
