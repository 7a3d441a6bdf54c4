# ---
# note: asks for sockets of every family and type that Linux knows, AF_VSOCK among them
# kind: walls
# known_from: address families that a network namespace does not separate
# ---
# %% judged +top
import socket

usual = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
for family in range(64):
    for kind in (1, 2, 3, 5, 10, 1 | socket.SOCK_CLOEXEC):
        try:
            socket.socket(family, kind).close()
        except OSError:
            continue
        if family not in usual:
            print("canary-of-an-attacker: opened a socket of family", family)
