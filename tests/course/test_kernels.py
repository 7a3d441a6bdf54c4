"""Each kernel starts, and its framework trains Embedding → LSTM → Dense for three steps."""

import ast

import pytest
from helpers import load_setup
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import start_new_kernel

# Every program ends with `losses`: before training and after each of the three steps. The tokens
# are (batch, time); the label is whether the last token is one of the upper half of the vocabulary.
TOKENS = """
import numpy as np
rng = np.random.default_rng(0)
tokens = rng.integers(0, 10, (64, 6))
labels = (tokens[:, -1:] >= 5).astype("float32")
"""
TORCH = """
import torch
torch.manual_seed(0)
embedding, lstm = torch.nn.Embedding(10, 8), torch.nn.LSTM(8, 16, batch_first=True)
dense = torch.nn.Linear(16, 1)
layers = torch.nn.ModuleList([embedding, lstm, dense])
optimizer = torch.optim.Adam(layers.parameters(), lr=0.05)
x, y, losses = torch.from_numpy(tokens), torch.from_numpy(labels), []
for step in range(4):
    logits = dense(lstm(embedding(x))[0][:, -1])  # (64, 1)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, y)
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""
KERAS = """
import keras
keras.utils.set_random_seed(0)
model = keras.Sequential([
    keras.layers.Embedding(10, 8), keras.layers.LSTM(16),
    keras.layers.Dense(1, activation="sigmoid"),
])
model.compile(keras.optimizers.Adam(0.05), "binary_crossentropy", run_eagerly=True)
losses = [model.evaluate(tokens, labels, verbose=0)]
for step in range(3):
    model.train_on_batch(tokens, labels)
    losses.append(model.evaluate(tokens, labels, verbose=0))
"""
GLUON = """
import mxnet as mx
from mxnet import autograd, gluon, nd
mx.random.seed(0)
embedding, lstm = gluon.nn.Embedding(10, 8), gluon.rnn.LSTM(16, layout="NTC")
dense = gluon.nn.Dense(1)
parameters = gluon.ParameterDict()
for layer in (embedding, lstm, dense):
    layer.initialize(mx.init.Xavier())
    parameters.update(layer.collect_params())
trainer = gluon.Trainer(parameters, "adam", {"learning_rate": 0.05})
loss_of = gluon.loss.SigmoidBCELoss()
x, y, losses = nd.array(tokens), nd.array(labels), []
for step in range(4):
    with autograd.record():
        loss = loss_of(dense(lstm(embedding(x))[:, -1]), y)  # (64,)
    losses.append(float(loss.mean().asscalar()))
    loss.backward()
    trainer.step(len(tokens))
"""


def run(kernel: str, program: str, result: str) -> tuple[object, str]:
    """The value of an expression after running a program in a kernel, and what went to stderr."""
    manager, client = start_new_kernel(kernel_name=kernel, startup_timeout=60)
    stderr = []

    def hear(message: dict) -> None:
        if message["msg_type"] == "stream" and message["content"]["name"] == "stderr":
            stderr.append(message["content"]["text"])

    try:
        reply = client.execute_interactive(
            program, user_expressions={"result": result}, output_hook=hear, timeout=120
        )["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["status"] == "ok", f"{reply.get('ename')}: {reply.get('evalue')}"
    answer = reply["user_expressions"]["result"]
    return ast.literal_eval(answer["data"]["text/plain"]), "".join(stderr)


NO_GLUON = load_setup("install").why_no_gluon()
needs_mxnet = pytest.mark.skipif(NO_GLUON is not None, reason=str(NO_GLUON))


@pytest.mark.parametrize(
    ("kernel", "program"),
    [
        pytest.param("python3", TORCH, id="torch"),
        pytest.param("python3", KERAS, id="keras"),
        pytest.param("gluon", GLUON, id="gluon", marks=needs_mxnet),
    ],
)
def test_three_training_steps_lower_the_loss(kernel, program):
    losses, stderr = run(kernel, TOKENS + program, "[round(float(x), 6) for x in losses]")
    assert len(losses) == 4
    assert 0.6 < losses[0] < 0.8, "an untrained classifier of two classes is near log 2"
    assert losses[3] < losses[0] - 0.01  # NaN and infinity fail here too
    assert stderr == "", "start-up messages would land in every student's notebook"


@pytest.mark.parametrize(
    ("kernel", "versions"),
    [
        ("python3", {"torch": "2.13.0", "keras": "3.15.1", "numpy": "2.4.6"}),
        pytest.param("gluon", {"mxnet": "1.9.1", "numpy": "1.23.5"}, marks=needs_mxnet),
    ],
)
def test_each_kernel_has_the_frameworks_it_is_named_for(kernel, versions):
    program = f"from importlib import metadata\nnames = {list(versions)}"
    found, _ = run(kernel, program, "{n: metadata.version(n).split('+')[0] for n in names}")
    assert found == versions


@needs_mxnet
def test_both_kernels_are_found_without_user_wide_state(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    assert {"python3", "gluon"} <= set(KernelSpecManager().find_kernel_specs())
