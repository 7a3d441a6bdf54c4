# ---
# note: a hundred messages of 50 MB, of every kind that has outputs and of some that have none
# kind: floods
# known_from: resource exhaustion of whoever listens to the kernel
# harmful: it would fill the grader's memory
# ---
# %% judged +top
kernel = get_ipython().kernel
text = "x" * 50_000_000
for number in range(100):
    for kind, content in (
        ("stream", {"name": "stdout", "text": text}),
        ("display_data", {"data": {"text/plain": text}, "metadata": {}, "transient": {}}),
        ("no_such_kind", {"text": text}),
    ):
        if number % 3 == len(kind) % 3:
            kernel.session.send(kernel.iopub_socket, kind, content, parent=kernel.get_parent())
