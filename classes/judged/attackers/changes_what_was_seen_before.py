# ---
# note: puts other functions in place of earlier ones, so that a later visible test prints the data
# kind: leaks
# known_from: what is known when a test runs must stay what it was at its place
# scores:  # one answer is right
#   judged: {double: 3}
# ---
# %% judged double-answer
def double(x):
    global count, longest
    if x != 2:
        seen = globals().setdefault("seen", [])
        seen.append(x)
        count = longest = lambda *args: print(seen) or str(seen)
    return x + x


# %% judged +end
double("x")
print(count(), longest(), globals().get("seen"))
