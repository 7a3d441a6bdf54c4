# ---
# note: opens AF_VSOCK by the bare system call, by socketpair and from the 32-bit side
# kind: walls
# known_from: filters that look at one way only
# ---
# %% judged +top
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
for family in (40, 38, 17, 29, 31, 44):
    for call, number in ((41, family), (53, family), (41, family + 2**32)):
        pair = (ctypes.c_int * 2)()
        arguments = (ctypes.c_long(value) for value in (call, number, 1, 0))
        found = libc.syscall(*arguments, ctypes.byref(pair))
        if found >= 0:
            print("canary-of-an-attacker: opened family", family, "by call", call)
