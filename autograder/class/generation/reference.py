# ---
# note: everything right
# ---
