# ---
# note: a notebook whose file holds a hundred thousand outputs and deep metadata
# kind: floods
# known_from: denial of service of whoever reads it
# output_mib: 60
# ---
# %% judged +end
from IPython.display import display

for number in range(20_000):
    display({"text/plain": str(number)}, raw=True)
