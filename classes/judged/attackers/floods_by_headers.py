# ---
# note: messages whose headers, parents and metadata are huge, nested and of odd types
# kind: floods
# known_from: limits that look at the content only
# harmful: it would fill the grader's memory
# ---
# %% judged +top
kernel = get_ipython().kernel
session, socket = kernel.session, kernel.iopub_socket
nested = []
for _ in range(300):
    nested = [nested]
for _ in range(60):
    big = {"msg_id": "m" * 20_000_000, "msg_type": "stream", "x": nested}
    for parent in (big, {}, {"header": None}):
        session.send(socket, "stream", {"name": "stdout", "text": "x"}, parent=parent)
    session.send(socket, "display_data", {}, parent=kernel.get_parent(), metadata=big)
    session.send(socket, "execute_result", {"data": {"text/plain": nested}}, kernel.get_parent())
    session.send(socket, "status", {"execution_state": big}, parent=kernel.get_parent())
