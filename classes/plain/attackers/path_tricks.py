# ---
# note: replaces its own working directory by links while the kernel runs, and writes above it
# known_from: path traversal (CWE-22); links that are planted after the check (CWE-367)
# harmful: it would write above the submission's folder
# ---
# %% plain +top
import os
import shutil
from pathlib import Path

Path("canary-of-an-attacker").symlink_to("/etc/passwd")
Path("folder").symlink_to("/")
for target in ["..", "../..", "../../..", "/tmp", "/var/tmp", "/root", "/srv"]:
    try:
        (Path(target) / "canary-of-an-attacker.txt").write_text("here")
    except OSError as error:
        print(error)
here = os.getcwd()
os.chdir("/")
shutil.rmtree(here, ignore_errors=True)
