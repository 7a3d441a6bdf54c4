# ---
# note: sends the front end messages without content, of wrong types and without a valid signature
# known_from: the Jupyter messaging protocol; parsers that trust it
# ---
# %% plain +top
kernel = get_ipython().kernel
socket, session = kernel.iopub_socket, kernel.session
for kind in ("stream", "display_data", "execute_result", "error", "comm_open", "clear_output"):
    for content in ({}, {"data": 4, "name": 5, "text": {}}, {"data": {"text/plain": {"x": []}}}):
        session.send(socket, kind, content, parent=kernel.get_parent("shell"))
socket.send_multipart([b"no", b"signature", b"at", b"all"])
