# ---
# note: 'millions of small messages, as fast as they go: output, clear_output, status, comm'
# kind: floods
# known_from: a limit in bytes is none in messages
# harmful: it would keep the grader busy for hours
# ---
# %% judged +top
from IPython.display import clear_output, display

kernel = get_ipython().kernel
handle = display("x", display_id=True)
for number in range(2_000_000):
    send = kernel.session.send
    parent = kernel.get_parent()
    send(kernel.iopub_socket, "status", {"execution_state": "busy"}, parent=parent)
    send(kernel.iopub_socket, "stream", {"name": "stdout", "text": "x"}, parent=parent)
    clear_output(wait=number % 2 == 0)
    handle.update("y")
