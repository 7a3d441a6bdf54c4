# ---
# note: starts another kernel with its own connection file, and stops the one that was asked
# kind: stops
# known_from: whoever holds the connection file can be the kernel
# harmful: it would send signals to the grader
# ---
# %% judged double-answer
def double(x):
    import os
    import subprocess
    import sys

    file = get_ipython().kernel.config["IPKernelApp"]["connection_file"]
    subprocess.Popen([sys.executable, "-m", "ipykernel_launcher", "-f", file])
    os._exit(0)


# %% judged longest-answer
def longest(words):
    get_ipython().kernel.shell_streams[0].close()
