"""Fill the tables of README.md and benchmarks/README.md from the results files; draw the figures.

python benchmarks/readme.py             # writes both pages, order_decides.png and leaderboard.png
python benchmarks/readme.py --check     # writes nothing; exit code 1 if a page is not up to date
python benchmarks/readme.py --feedback  # a picture of a feedback page, after `make grade`
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

import lectures
from autograder.quality import calibrate

REPOSITORY = Path(__file__).parent.parent
RESULTS = REPOSITORY / "benchmarks" / "results"
CUT = 3158, 3850  # rows of the feedback page that are shown


def load(name: str) -> dict:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def longmemory() -> str:
    rows = [
        [model, f"{entry['mean']:.3f}", f"{entry['min']:.3f}", f"{entry['seconds_max']:.1f} s"]
        for model, entry in load("longmemory")["models"].items()
    ]
    return table(["model", "mean accuracy", "lowest of the seeds", "training, at most"], rows)


def thresholds() -> str:
    rows = []
    for path in sorted((REPOSITORY / "rnn_course" / "thresholds").glob("*.json")):
        for notebook, corpora in json.loads(path.read_text(encoding="utf-8")).items():
            for corpus, entry in corpora.items():
                lowest = f"{min(entry['accuracies']):.3f}"
                rows.append([f"{path.stem}/{notebook}", corpus, f"{entry['mean']:.3f}", lowest])
                rows[-1].append(f"{entry['threshold']:.2f}")
                fails = calibrate.failing(entry["accuracies"])
                often = f"1 in {round(1 / fails, -4):,.0f}" if fails > 1e-6 else "< 1 in 1,000,000"
                rows[-1].append(often)
    header = ["notebook", "corpus", "mean", "lowest run", "threshold", "a right solution fails"]
    return table(header, rows)


def mutants() -> str:
    rows = []
    for notebook, found in load("mutants").items():
        share = f"{found['caught'] / found['mutants']:.0%}"
        rows.append([notebook, str(found["mutants"]), str(found["caught"]), share])
    return table(["notebook", "mutants", "noticed by a test", "share"], rows)


# (lecture, model in its results, what the source of the lecture printed)
LEADERBOARD = [
    ("03_battlefield_pytorch", "TF-IDF + logistic regression", "–"),
    ("01_memory_and_gates_gluon", "Gluon LSTM(64) + GloVe", "0.829 (on its training reviews)"),
    ("02_simple_rnn_keras", "SimpleRNN(5), 30 words", "0.788"),
    ("02_simple_rnn_keras", "SimpleRNN(5), 200 words", "–"),
    ("03_battlefield_pytorch", "feed-forward, raw ids", "0.499"),
    ("03_battlefield_pytorch", "feed-forward, embeddings", "0.655"),
    ("03_battlefield_pytorch", "CNN", "crashed"),
    ("03_battlefield_pytorch", "RNN", "0.724"),
    ("03_battlefield_pytorch", "LSTM", "0.851"),
    ("03_battlefield_pytorch", "CNN + LSTM", "left blank"),
    ("04_lstm_by_hand_pytorch", "packed LSTM", "none"),
    ("05_elman_to_generation_keras", "Elman", "0.745"),
    ("05_elman_to_generation_keras", "LSTM", "0.870"),
    ("05_elman_to_generation_keras", "CNN-LSTM", "unfinished"),
]


def measured() -> list[tuple[str, str, str, float, int]]:
    """The models of the leaderboard that have results, with their mean and number of seeds."""
    found = {lecture: lectures.means(lecture) for lecture, _, _ in LEADERBOARD}
    return [(*row, *found[row[0]][row[1]]) for row in LEADERBOARD if row[1] in found[row[0]]]


def leaderboard() -> str:
    """Test accuracy on IMDB of every model that a lecture trains, beside its source's number."""
    rows = []
    best_first = sorted(measured(), key=lambda row: -row[3])
    for lecture, model, printed, mean, seeds in best_first:
        parameters = lectures.means(lecture, "parameters").get(model, (None,))[0]
        count = f"{parameters:,.0f}" if parameters else "–"
        rows.append([lecture[:2], model, count, printed, f"{mean:.3f}", str(seeds)])
    header = ["lecture", "model", "parameters", "its source printed", "here", "seeds"]
    return table(header, rows)


def data_loading() -> str:
    rows = [[what, f"{seconds:.2f} s"] for what, seconds in load("data_loading")["seconds"].items()]
    return table(["way", "time"], rows)


def overhead() -> str:
    results = load("overhead")
    stages = results["stages"]
    rows = [
        [name, *(f"{stages[who][name]:.0f} s" if name in stages[who] else "" for who in stages)]
        for name in stages["ours"]  # stock nbgrader's are some of them
    ]
    rows.append(["all", *(f"{results['seconds'][who]:.0f} s" for who in stages)])
    notebooks = results["notebooks"]
    return table([f"stage, {notebooks} notebooks", "stock nbgrader", "sandbox and judge"], rows)


def attacks() -> str:
    found = load("attacks")["attacks"]
    graders = {"stock": "stock nbgrader", "sandbox_only": "sandbox only", "ours": "ours"}
    rows = []
    for key, title in graders.items():
        run = [attack for attack in found if attack[key] is not None]
        cheated = sum(attack[key] > attack["due"] for attack in run)
        rows.append([title, str(len(run)), str(cheated)])
    header = ["grader", "attackers graded", "got points that they had not earned"]
    return table(header, rows)


def networks() -> list[tuple[str, dict]]:
    """What `recipes.py` measured for each network, in the order of the lectures."""
    found = load("recipes")
    del found["command"]
    return sorted(found.items(), key=lambda item: item[1]["lecture"])


def recipes() -> str:
    """Seconds to the same accuracy, with a source's recipe and with ours."""
    rows = []
    for name, found in networks():
        race = found["race"]
        per_epoch = [f"{found[key]['seconds_per_epoch']:.0f} s" for key in ("source", "ours")]
        whose = "" if race["target"] == found["printed"] else " (its best here)"
        rows.append([found["lecture"], name, *per_epoch, f"{race['target']:.3f}{whose}"])
        rows[-1] += [_until(found[key], race[key]) for key in ("source", "ours")]
        races = [race, *found.get("other_seeds", {}).values()]
        rows[-1].append(", ".join(map(_factor, races)))
    header = ["lecture", "network", "epoch, source", "epoch, here", "accuracy of the source"]
    header += ["seconds to it, source", "seconds to it, here", "times faster (by seed)"]
    waits = [
        f"{found['source']['waited']:.0f} of {found['source']['seconds']:.0f} s ({name})"
        for name, found in networks()
        if found["source"].get("waited", 0) >= 1
    ]
    waiting = f"The sources' times include waiting between epochs: {', '.join(waits)}."
    return f"{table(header, rows)}\n\n{waiting}"


def _factor(race: dict) -> str:
    at_least = "" if race["source"] else "≥ "
    return f"{at_least}{race['times_faster']:.1f}" if race["ours"] else "–"


def _until(run: dict, seconds: float | None) -> str:
    return f"not in {run['seconds']:.0f} s" if seconds is None else f"{seconds:.0f} s"


def profiles() -> str:
    """Where the time of a batch goes, for each of our networks."""
    rows = []
    for name, found in networks():
        parts = dict(found["profile"]["ms_per_batch"])
        total, making, forward = sum(parts.values()), parts.pop("batch"), parts.pop("forward")
        shares = [f"{part / total:.0%}" for part in (making, forward, sum(parts.values()))]
        operators = list(found["profile"].get("operators", {}).items())[:2]
        costly = ", ".join(f"`{key}` {share:.0%}" for key, share in operators)
        alone = found["profile"].get("products_alone_ms")
        products = f"{alone:.0f} ms" if alone else "–"
        rows.append([name, f"{total:.0f} ms", *shares, products, costly or "–"])
    header = ["network", "a batch", "making it", "forward", "backward and update", "products alone"]
    return table([*header, "costliest operators"], rows)


def grading() -> str:
    """A class under stock nbgrader and under ours."""
    found = load("grading")
    titles = {
        "stock": "stock `nbgrader autograde`, both cores",
        "one worker": "`autograder grade`, one worker on one core",
        "two workers": "`autograder grade`, two workers",
    }
    rows = []
    for name, title in titles.items():
        seconds = found["runs"][name]["seconds"]
        per_hour = 3600 * found["submissions"] / seconds
        times = f"{found['runs']['stock']['seconds'] / seconds:.1f}"
        rows.append([title, f"{seconds / 60:.0f} min", f"{per_hour:.0f}", times])
    header = [f"{found['submissions']} submissions", "time", "submissions per hour", "times stock"]
    stages = found["stages"]["two workers"]
    must = stages["student cells"] + stages["tests"]
    everything = found["worker_seconds"]["two workers"]
    kernels = stages["kernels ready"] + stages["shutdown"]
    equal = "identical, byte for byte" if found["equal_grades"]["equal"] else "not equal"
    loops = [seconds for run in found["runs"].values() for seconds in run["loop"]]
    speed = f"ten million additions took {min(loops):.2f} to {max(loops):.2f} s here."
    if again := found["runs"].get("stock again"):  # where the speed has varied
        speed += f"\nStock nbgrader, run once more afterward, took {again['seconds'] / 60:.0f} min."
    return f"""{table(header, rows)}

Two workers are {found["two_workers_to_one"]:.2f} times as fast as one, and the grades are {equal}.
Students' cells and tests, which every grader must run, take {must / everything:.0%} of the two
workers' time: if everything else took no time, two cores would be
{2 * found["runs"]["stock"]["seconds"] / must:.1f} times as fast as stock nbgrader. Starting and
ending kernels takes {kernels / everything:.0%}, the notebooks' first cells
{stages["imports"] / everything:.0%}.
Before and after each run, {speed}

If memory that processes share counts once, one worker and all that belongs to it hold
{found["runs"]["one worker"]["mib"] / 1024:.1f} GiB (median), and a second worker adds
{found["mib_of_second_worker"] / 1024:.1f} GiB; stock nbgrader holds
{found["runs"]["stock"]["mib"] / 1024:.1f} GiB. If it counts for each of them, the processes that
grade one submission hold at most {found["mib_per_worker"] / 1024:.1f} GiB."""


def _duration(hours: float) -> str:
    return f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min"


def cost_model() -> str:
    """Hours for large classes by number of machines."""
    hours = load("grading")["cost_model"]["hours"]
    rows = [
        [f"{int(students):,}", *map(_duration, by_machines.values())]
        for students, by_machines in hours.items()
    ]
    machines = next(iter(hours.values()))
    names = [f"{count} machine{'' if count == '1' else 's'}" for count in machines]
    return table(["submissions", *names], rows)


def warm_kernels() -> str:
    """What a kernel costs until its framework has been used, started anew and forked."""
    found = load("warm_kernels")
    frameworks = {"pytorch": "PyTorch", "keras": "Keras"}
    rows = []
    for way in ("fresh", "forked"):
        cells = []
        for framework in frameworks:
            entry = found[framework][way]
            cells += [f"{entry['ready']:.1f} s", f"{entry['cpu']:.1f} s", f"{entry['mib']:.0f} MiB"]
        rows.append([way, *cells])
    header = ["kernel"]
    for name in frameworks.values():
        header += [f"{name}: wait", "processor", "memory"]
    return table(header, rows)


def booking() -> str:
    """How much the coordinator itself can handle."""
    found = load("booking")
    speed = " and ".join(f"{rate:.0f}" for rate in found["per_second"])
    memory = " and ".join(f"{found['coordinator_mib'][place]} MiB" for place in (10, -1))
    rows = [
        ["submissions saved per second, before and after a kill in the middle", speed],
        ["saved before the kill", f"{found['killed_after']:,}"],
        ["saved in all", f"{found['booked']:,}"],
        ["saved twice", f"{found['twice']}"],
        ["memory of the coordinator in the middle and at the end of the second run", memory],
    ]
    return table([f"a class of {found['students']:,}", "measured"], rows)


def test_cost() -> str:
    """Processor seconds of each notebook's tests: before they were made cheaper, and now."""
    rows, total = [], [0.0, 0.0]
    for name, found in load("test_cost").items():
        tests = [{n: s for n, s in found[when].items() if n} for when in ("before", "after")]
        seconds = [sum(each.values()) for each in tests]
        total = [one + other for one, other in zip(total, seconds, strict=True)]
        costliest = max(tests[1], key=tests[1].__getitem__)
        rows.append([name, *(f"{each:.1f} s" for each in seconds)])
        rows[-1].append(f"`{costliest}` {tests[1][costliest]:.1f} s")
    rows.append(["all", *(f"{each:.0f} s" for each in total), ""])
    return table(["notebook", "tests, before", "tests, now", "costliest test now"], rows)


def live() -> str:
    """The networks of the page "See an LSTM read"."""
    results, names = load("live"), {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
    rows = [
        [names[key], f"{results[key]['parameters']:,}", f"accuracy {results[key]['accuracy']:.3f}"]
        for key in names
    ]
    writer = results["writer"]
    quality = f"perplexity {writer['perplexity']:.0f}"
    quality += f" (interpolated word pairs: {writer['interpolated_bigram']:.0f})"
    rows.append(["writer", f"{writer['parameters']:,}", quality])
    return table(["network", "parameters", "on texts it was not trained on"], rows)


def grade() -> str:
    return "```\n" + (RESULTS / "grade.txt").read_text(encoding="utf-8").rstrip() + "\n```"


# Page -> the functions whose tables it shows, each between `<!-- results: name -->` and an end.
PAGES = {
    REPOSITORY / "README.md": [leaderboard],
    REPOSITORY / "docs" / "live.md": [live],
    REPOSITORY / "benchmarks" / "README.md": [
        longmemory,
        recipes,
        profiles,
        data_loading,
        thresholds,
        grade,
        overhead,
        grading,
        cost_model,
        test_cost,
        warm_kernels,
        booking,
        attacks,
        mutants,
    ],
}
SECTION = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(page: Path) -> str:
    """The page with every table replaced by the current results."""
    text = page.read_text(encoding="utf-8")
    tables = {function.__name__: function for function in PAGES[page]}
    found = [name for _, name, _ in SECTION.findall(text)]
    if sorted(found) != sorted(tables):
        raise ValueError(f"{page}: expected each of {sorted(tables)} once, found {sorted(found)}")
    return SECTION.sub(lambda match: f"{match[1]}{tables[match[2]]()}\n{match[3]}", text)


def draw() -> None:
    draw_order_decides()
    draw_leaderboard()


def draw_order_decides() -> None:
    """The models of results/longmemory.json as bars."""
    models = load("longmemory")["models"]
    names, means = list(models), [entry["mean"] for entry in models.values()]
    recurrent = ["LSTM" in name for name in names]
    figure, axes = plt.subplots(figsize=(7, 2.8), dpi=150, layout="constrained")
    bars = axes.barh(names, means, color=["#0072B2" if r else "#999999" for r in recurrent])
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.axvline(0.5, color="black", linewidth=0.8, linestyle="--")
    axes.text(0.5, -0.75, "guessing", fontsize=8, ha="center")
    axes.set(xlim=(0.4, 1.08), xlabel="accuracy on 1,000 unseen reviews")
    figure.suptitle("When only word order decides, a model needs memory")
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "order_decides.png", metadata={"Software": None})


def draw_leaderboard() -> None:
    """Test accuracy on IMDB of each model, and the number that its source printed."""
    shown = []
    for lecture, model, printed, mean, _ in measured():
        number = re.match(r"0\.\d+", printed)
        shown.append((mean, f"{model}  ({lecture[1]})", float(number[0]) if number else None))
    shown.sort()
    figure, axes = plt.subplots(figsize=(7, 0.6 + 0.27 * len(shown)), dpi=150, layout="constrained")
    for row, (mean, _, printed) in enumerate(shown):
        if printed:
            axes.plot([printed, mean], [row, row], color="#BBBBBB", zorder=1)
            axes.plot(printed, row, "o", mfc="white", color="#999999")
        axes.plot(mean, row, "o", color="#0072B2")
        right = 14 if printed and 0 < printed - mean < 0.02 else 7  # beside the circle, too
        offset = {"xytext": (right, -3), "textcoords": "offset points"}
        axes.annotate(f"{mean:.3f}", (mean, row), fontsize=8, **offset)
    axes.plot([], [], "o", color="#0072B2", label="here")
    axes.plot([], [], "o", mfc="white", color="#999999", label="printed by the lecture's source")
    axes.set_yticks(range(len(shown)), [name for _, name, _ in shown], fontsize=8)
    axes.set(xlim=(0.45, 0.95), xlabel="accuracy on the 25,000 test reviews of IMDB")
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    figure.suptitle(
        "On real reviews, counting words wins: memory gains little on IMDB", fontsize=11
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "leaderboard.png", metadata={"Software": None})


def photograph() -> None:
    """A student's feedback page from the sample class, cropped to the question that went wrong."""
    folder = REPOSITORY / "grading" / "sample_class" / "cnn_lstm" / "feedback"
    page = folder / "forgets_batch_first" / "cnn_lstm" / "pytorch.html"
    target = RESULTS / "feedback.png"
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        options += [f"--user-data-dir={profile}", "--window-size=1000,5000"]
        command = ["chromium", *options, f"--screenshot={target}", page.as_uri()]
        subprocess.run(command, check=True, capture_output=True)
    with Image.open(target) as image:
        top, bottom = CUT
        image.convert("RGB").crop((60, top, 940, bottom)).quantize(64).save(target, optimize=True)


def main(arguments: list[str]) -> int:
    if "--feedback" in arguments:
        photograph()
        return 0
    updated = {page: filled(page) for page in PAGES}
    if "--check" in arguments:
        stale = [page for page, text in updated.items() if text != page.read_text(encoding="utf-8")]
        for page in stale:
            name = page.relative_to(REPOSITORY)
            print(f"{name} is not up to date: run `python benchmarks/readme.py`")
        return int(bool(stale))
    for page, text in updated.items():
        page.write_text(text, encoding="utf-8")
    draw()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
