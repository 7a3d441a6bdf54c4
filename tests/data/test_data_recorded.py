"""What PyTorch's layers compute, recorded for the exercise that needs NumPy alone."""

import numpy as np
import pytest

from data import recorded


def test_what_is_recorded_is_what_pytorch_computes():
    pytest.importorskip("torch")
    with np.load(recorded.FILE) as file:
        found, expected = dict(file), recorded.record()
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-12, err_msg=name)


def test_a_layer_is_told_whole():
    says = recorded.torch_says()["lstm"]
    n, d, h = recorded.N, recorded.D, recorded.H
    assert [array.shape for array in says["weights"]] == [
        (4 * h, d),
        (4 * h, h),
        (4 * h,),
        (4 * h,),
    ]
    assert (says["x"].shape, says["outputs"].shape) == ((n, 7, d), (n, 7, h))
    for entry in ("first", "last", "deltas"):
        assert [array.shape for array in says[entry]] == [(n, h)] * 2
    assert list(says["gradients"]) == ["h", "c", "x", *recorded.WEIGHTS]
