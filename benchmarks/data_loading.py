"""Time reading all 50,000 reviews: naively, through the loader, and from its cache.

All three run here, one after the other, on the same archive; the naive way is the code of many
tutorials (unpack, open every file, split and count strings). Needs the archive in COURSE_DATA.

    python benchmarks/data_loading.py
"""

import json
import os
import platform
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from data import imdb, registry

RESULTS = Path(__file__).with_name("results") / "data_loading.json"
LIMITS_S = {"from the archive": 20.0, "from the cache": 0.5}
REPEATS = 5
FILTER = str.maketrans(dict.fromkeys('!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n', " "))

# a fresh process each time, so that nothing is warm but the operating system's file cache
LOAD_FROM_CACHE = """
import time
from data import imdb
start = time.perf_counter()
(x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=10_000)
assert sum(len(x.take(slice(None))) for x in (x_train, x_test)) > 11_000_000  # every id is read
print(time.perf_counter() - start)
"""


def naive(archive: Path, folder: Path) -> dict[str, list[list[int]]]:
    """Unpack the archive, read every file, count the words with a Counter, look every word up."""
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    tokens = {}
    for split in imdb.SPLITS:
        tokens[split] = []
        for label in imdb.LABELS:
            directory = folder / "aclImdb" / split / label
            for name in sorted(os.listdir(directory)):
                with open(directory / name, encoding="utf-8") as file:
                    tokens[split].append(file.read().lower().translate(FILTER).split())
    counts = Counter()
    for words in tokens["train"]:
        counts.update(words)
    index = {word: rank for rank, (word, _) in enumerate(counts.most_common(), start=1)}
    return {
        split: [[index[word] for word in words if word in index] for words in tokens[split]]
        for split in imdb.SPLITS
    }


def seconds(function, *arguments) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def main() -> int:
    """Print and write the three times; status 1 if a limit is exceeded."""
    archive = registry.find("aclImdb_v1.tar.gz", "aclImdb_labelled.tar.gz")
    if archive is None:
        print("No archive of the reviews was found: set COURSE_DATA to the folder that holds one.")
        return 1
    load_average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    archive.read_bytes()  # into the operating system's file cache, for all three alike
    with tempfile.TemporaryDirectory() as folder:
        os.environ["COURSE_CACHE"] = str(Path(folder, "cache"))
        naive_s = seconds(naive, archive, Path(folder, "naive"))
        archive_s = seconds(imdb.fetch, False)
        command = [sys.executable, "-c", LOAD_FROM_CACHE]
        cache_s = [float(subprocess.check_output(command)) for _ in range(REPEATS)]
    measured = {
        "naive reading": naive_s,
        "from the archive": archive_s,
        "from the cache": statistics.median(cache_s),
    }
    for name, value in measured.items():
        limit = f"   at most {LIMITS_S[name]:g} s" if name in LIMITS_S else ""
        print(f"{name:<17}{value:8.3f} s   {naive_s / value:7.1f} x{limit}")
    results = {
        "command": "python benchmarks/data_loading.py",
        "reviews": 50_000,
        "seconds": {name: round(value, 4) for name, value in measured.items()},
        "from_the_cache_runs": [round(value, 4) for value in cache_s],
        "limits_seconds": LIMITS_S,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "load_average_before": load_average,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "system": platform.system(),
    }
    with registry.atomic_text(RESULTS) as file:
        file.write(json.dumps(results, indent=2) + "\n")
    return int(any(measured[name] > limit for name, limit in LIMITS_S.items()))


if __name__ == "__main__":
    sys.exit(main())
