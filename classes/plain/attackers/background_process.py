# ---
# note: leaves a daemon behind that outlives the kernel and writes when the grader is done
# known_from: double fork and setsid
# harmful: it would leave a process on the grader's machine
# ---
# %% plain +top
import os
import subprocess
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _ in range(600):
            time.sleep(1)
            try:
                open("/tmp/canary-of-an-attacker", "w").close()
            except OSError:
                continue
    os._exit(0)
subprocess.Popen(["sh", "-c", "sleep 600; : canary-of-an-attacker"], start_new_session=True)
