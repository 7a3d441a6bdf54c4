# ---
# note: threads, timers, alarms and atexit handlers end the kernel some time after their cell
# kind: stops
# known_from: a kernel that ends after its cell is blamed on the next one
# harmful: stock nbgrader waits for a kernel that is gone
# ---
# %% judged +top
import os
import signal
import threading

threading.Timer(1.5, os._exit, (0,)).start()
signal.setitimer(signal.ITIMER_REAL, 2)


# %% judged double-answer
import asyncio
import atexit

atexit.register(os.abort)
asyncio.get_event_loop().call_later(0.5, os._exit, 1)


# %% judged +end
threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGKILL)).start()
