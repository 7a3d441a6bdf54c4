# ---
# note: 'system calls that a sandbox should refuse: namespaces, mounts, keys, ptrace, bpf, io_uring'
# kind: walls
# known_from: escapes from containers
# harmful: it would stop process 1
# ---
# %% judged +top
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
calls = {"unshare": (272, 0x10000000), "mount": (165, 0, 0, 0, 0), "bpf": (321, 0, 0, 0)}
calls |= {"io_uring_setup": (425, 1, 0), "add_key": (248, 0, 0, 0, 0, 0), "ptrace": (101, 16, 1)}
calls |= {"userfaultfd": (323, 0), "perf_event_open": (298, 0, 0, -1, -1, 0), "setns": (308, 0, 0)}
for name, arguments in calls.items():
    if libc.syscall(*(ctypes.c_long(a) for a in arguments)) >= 0:
        print("canary-of-an-attacker: the system allowed", name)
