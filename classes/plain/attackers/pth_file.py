# ---
# note: plants a .pth file in site-packages and in the user's own, to run code in every later Python
# known_from: lines of .pth files that start with `import` are executed
# harmful: it would change the grader's Python environment
# files:
#   canary-of-an-attacker.pth: "import builtins; builtins.abs = lambda value: 0\n"
# ---
# %% plain +top
import shutil
import site
from pathlib import Path

for folder in [*site.getsitepackages(), site.getusersitepackages()]:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        shutil.copy("canary-of-an-attacker.pth", folder)
    except OSError as error:
        print(error)
site.addsitedir(".")


# %% plain mean-answer
def mean(values):
    return 2.5
