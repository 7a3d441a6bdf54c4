# ---
# note: sends what it was called with as messages of its own, with the parents of earlier cells
# kind: leaks
# known_from: whoever is in the kernel can speak on its sockets
# scores:  # its answers are right
#   judged: {double: 3, count: 4}
# ---
# %% judged +top
kernel = get_ipython().kernel
parent = dict(kernel.get_parent())


def send(x):
    for kind, content in {
        "stream": {"name": "stdout", "text": str(x)},
        "display_data": {"data": {"text/plain": str(x)}, "metadata": {}},
        "execute_result": {"data": {"text/plain": str(x)}, "metadata": {}, "execution_count": 1},
        "error": {"ename": str(x)[:50], "evalue": str(x), "traceback": [str(x)]},
        "comm_open": {"comm_id": "1", "target_name": "jupyter.widget", "data": {"state": str(x)}},
    }.items():
        for header in (parent, kernel.get_parent(), {}):
            kernel.session.send(kernel.iopub_socket, kind, content, parent=header)


# %% judged double-answer
def double(x):
    send(x)
    return x + x


# %% judged count-answer
def count(words, letter):
    send(words)
    return sum(letter in word for word in words)
