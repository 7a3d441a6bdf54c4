"""`autograder grade` on Dask: the same grades as `nbgrader autograde`, whatever happens to it."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import nbformat
import psutil
import pytest
import yaml
from distributed import LocalCluster
from helpers import (
    FORKS,
    REPOSITORY,
    contents,
    copy,
    fill,
    make_course,
    nbgrader,
    rows,
    run_autograde,
    start,
    states,
)
from nbgrader.api import Gradebook
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from traitlets.config import Config

import autograder
from autograder.__main__ import main
from autograder.gradebook import journal
from autograder.grading import autograde, cluster, messages, supervise
from autograder.kernels import cores
from autograder.outputs import export

FORKS.set_forkserver_preload(["nbgrader.apps", "autograder.cli"])
GOOD = "def square(x):\n    return x * x"
SLOW = "import time\ntime.sleep(0.8)\n" + GOOD
POISON = """
import os, signal
from nbgrader.preprocessors import NbGraderPreprocessor

class Poison(NbGraderPreprocessor):
    def preprocess(self, nb, resources):
        if "poison" in str(nb):
            os.kill(os.getpid(), signal.SIGKILL)
        return nb, resources
"""


def run_grade(arguments):
    sys.exit(main(arguments))


def grade_class(course, *options, name="tiny", **keywords):
    """`autograder grade` to its end; exit code and output."""
    return nbgrader(course, "grade", name, *options, use=run_grade, **keywords)


# ------------------------------------------------------------------ the class


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A class of six that is not graded yet."""
    course = make_course(tmp_path_factory.mktemp("original"))
    good = course.answered(GOOD)
    for name in ("ada", "bob"):
        course.hand_in(name, course.answered(SLOW))
        course.hand_in(name, good, "two")
    (course.folder / "submitted/ada/tiny/data.csv").write_text("1,2")
    (course.folder / "submitted/ada/tiny/timestamp.txt").write_text("2030-01-02 10:00:00 UTC")
    course.hand_in("half", course.answered("def square(x):\n    return int(x * x)"))
    course.hand_in("stops", course.answered("import os\nos._exit(1)"))
    course.hand_in("text_file", "my answer is 9")
    course.hand_in("truncated", nbformat.writes(good)[:700])
    return course


@pytest.fixture
def course(original, tmp_path):
    course = copy(original, tmp_path / "course")
    yield course
    left = os.listdir(course.folder / "tmp")
    assert left == []
    os.rmdir(os.path.realpath(course.folder / "tmp"))


@pytest.fixture(scope="module")
def serial(original, tmp_path_factory):
    """The class as `nbgrader autograde` grades it."""
    course = copy(original, tmp_path_factory.mktemp("serial"))
    code, output = run_autograde(course)
    assert code == 0, output
    return everything(course)


def everything(course):
    """Every row of the gradebook without ids, and every autograded file."""
    students = rows(course, "select * from student order by id")
    submissions = rows(course, "select student_id, timestamp from submitted_assignment order by 1")
    notebooks = rows(
        course,
        """select s.student_id, n.name, late_submission_penalty from submitted_notebook sn
        join notebook n on n.id = sn.notebook_id
        join submitted_assignment s on s.id = sn.assignment_id order by 1, 2""",
    )
    return students, submissions, notebooks, contents(course)


# ------------------------------------------------------------------ on this machine


def test_same_grades_as_nbgrader_autograde(course, serial):
    code, output = grade_class(course, "--jobs=2")
    assert code == 0, output
    assert everything(course) == serial
    assert set(states(course).values()) == {"graded"}
    assert "4 graded in" in output
    assert "2 graded in part (half, stops), 2 could not be graded (text_file, truncated)" in output
    found = json.loads((course.folder / "reports/tiny.json").read_text())
    assert (found["graded"], found["failed"], found["tier"]) == (4, 0, "cpu")
    assert (sum(found["distribution"]), found["counted"], found["students"]) == (2, 2, 6)
    assert found["slowest"][0]["student"] in ("ada", "bob")
    assert found["slowest"][0]["stages"]["student cells"] >= 0.8
    assert any("the kernel stopped" in text for text in found["alerts"]["stops"])
    page = (course.folder / "reports/tiny.html").read_text()
    assert "<svg" in page
    assert "<script" not in page
    code, output = grade_class(course)
    assert (code, "Nothing to grade" in output) == (0, True)
    assert everything(course) == serial


def test_dry_run_and_choice(course):
    code, output = grade_class(course, "--dry-run", "--student", "a*", "half")
    assert code == 0, output
    assert output.splitlines() == [
        "ada: new",
        "half: new",
        f"2 of 6 submissions would be graded by {len(cores.available())} workers on this machine.",
    ]
    assert not (course.folder / "autograded").exists()
    assert states(course) == {}


@pytest.mark.parametrize("nobody", ["nosuch", "z*", "Good", "good ", "[x]"])
def test_a_name_that_nobody_has_is_refused(course, nobody):
    code, output = grade_class(course, "--dry-run", "--student", nobody)
    assert code == 1
    assert f"--student {nobody}: nobody of this name has handed in tiny" in output


@pytest.mark.parametrize("workers", [1, 2])  # of Dask: of ours it starts one, with two threads
def test_one_poisonous_submission_stops_no_other(
    course, serial, made, tmp_path, monkeypatch, workers
):
    (tmp_path / "poison.py").write_text(POISON)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    course.hand_in("bad", course.answered("# poison"))
    config = Config()
    autograder.configure(config)
    steps = ["poison.Poison", *config.Autograde.sanitize_preprocessors]
    poisoned = f"--Autograde.sanitize_preprocessors={steps!r}"
    where = "--jobs=2" if workers == 1 else f"--scheduler={made((), ()).address}"
    quick = ["--no-execute", where, poisoned]
    code, output = grade_class(course, *quick, before=partial(in_path, tmp_path))
    assert code == 1
    reason = "the process that graded it ended (SIGKILL) (tried 3 times)"
    assert f"bad: {reason}" in output
    assert states(course) == dict.fromkeys(serial[3], "graded") | {"bad": "failed"}
    found = json.loads((course.folder / "reports/tiny.json").read_text())
    assert found["failures"] == {"bad": reason}
    assert len(found["workers"]) == workers  # they are there to the end
    assert (course.folder / "journal/tiny.log").read_text().count("(SIGKILL)") >= 3
    code, output = grade_class(course, "--rerun=failed", "--dry-run")
    assert "bad: failed\n1 of 7 submissions would be graded" in output


def in_path(folder):
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)


# ------------------------------------------------------------------ any cluster, and accidents


class Cluster:
    """A scheduler and workers, each a process of its own on an address of this machine."""

    settings = {  # noqa: RUF012
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "4s",
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "2",
        "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1.0",
        "DASK_DISTRIBUTED__ADMIN__TICK__LIMIT": "1h",
    }

    def __init__(self, folder, host="127.0.0.1"):
        self.folder, self.processes = folder, []
        with socket.socket() as free:
            free.bind((host, 0))
            self.host, self.port = free.getsockname()
        self.address = f"tcp://{host}:{self.port}"
        self.scheduler = self.start_scheduler()

    def start(self, *command, within=()):
        """Start a program of Dask, `within` a network namespace if that is given."""
        module, *options = command
        command = [*within, sys.executable, "-m", f"distributed.cli.{module}", *options]
        with open(self.folder / f"cluster-{len(self.processes)}.log", "w") as log:
            where = {"env": {**os.environ, **self.settings}, "cwd": self.folder}
            process = subprocess.Popen(command, stdout=log, stderr=log, **where)
        self.processes.append(process)
        return process

    def start_scheduler(self):
        where = ["--host", self.host, "--port", str(self.port)]
        return self.start("dask_scheduler", *where, "--no-dashboard")

    def start_worker(self, *options, within=()):
        usual = ["--nthreads", "1", "--memory-limit", "4GiB", "--no-nanny", "--no-dashboard"]
        return self.start("dask_worker", self.address, *usual, *options, within=within)

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def host_of_its_own():
    """(address of this machine, command that runs something on another host, how to cut it off)."""
    name = f"course{os.getpid()}"
    ours, theirs = f"10.{os.getpid() % 200 + 20}.77.1", f"10.{os.getpid() % 200 + 20}.77.2"
    commands = f"""netns add {name}
        link add {name}a type veth peer name {name}b netns {name}
        addr add {ours}/24 dev {name}a
        link set {name}a up
        -n {name} addr add {theirs}/24 dev {name}b
        -n {name} link set {name}b up
        -n {name} link set lo up"""

    def run(line, check=True):
        subprocess.run(["ip", *line.split()], check=check, capture_output=True)

    try:
        for line in commands.splitlines():
            run(line)
    except (OSError, subprocess.CalledProcessError):
        run(f"netns del {name}", check=False) if shutil.which("ip") else None
        pytest.skip("network namespaces cannot be made here")
    cut = partial(run, f"-n {name} link set {name}b down")
    yield ours, ["ip", "netns", "exec", name], cut
    run(f"netns del {name}")


@pytest.fixture
def made(tmp_path):
    """Makes clusters, and ends them."""
    made = []

    def make(*workers, host="127.0.0.1"):
        made.append(Cluster(tmp_path, host))
        for options in workers:
            made[-1].start_worker(*options)
        return made[-1]

    yield make
    for one in made:
        one.close()


def wait_until(condition, process, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        alive = process.is_alive() if hasattr(process, "is_alive") else process.poll() is None
        assert alive
        assert time.monotonic() < end
        time.sleep(0.05)


def graded(course):
    return sum(state == "graded" for state in states(course).values())


def test_a_worker_is_killed_and_one_cut_off_and_the_scheduler_dies(
    course, serial, made, host_of_its_own
):
    host, within, cut = host_of_its_own
    for name in ("half", "stops", "text_file", "truncated", "ada"):
        shutil.rmtree(course.folder / "submitted" / name)
    (course.folder / "submitted/bob/tiny/two.ipynb").unlink()
    for number in range(15):
        shutil.copytree(course.folder / "submitted/bob", course.folder / f"submitted/bob{number}")
    dask = made((), (), host=host)
    first, second = dask.processes[1:]
    dask.start_worker(within=within)
    run = start(course, "grade", "tiny", "--scheduler", dask.address, use=run_grade)
    wait_until(lambda: graded(course) >= 1, run)
    first.kill()
    cut()
    wait_until(lambda: graded(course) >= 4, run)
    dask.scheduler.kill()
    second.wait(30)
    dask.scheduler = dask.start_scheduler()
    for _ in range(2):
        dask.start_worker()
    run.join()
    output = course.folder.with_suffix(".output").read_text()
    assert run.exitcode == 0, output
    assert "went away; waiting for it" in output
    assert set(states(course).values()) == {"graded"}
    expected = [row for row in serial[3]["bob"]["grade"] if row[0] == "one"]
    for part in contents(course).values():
        assert part["grade"][:3] == expected
        assert part["files"] == {"one.ipynb": serial[3]["bob"]["files"]["one.ipynb"]}
    counts = "select count(*), count(distinct student_id) from submitted_assignment"
    assert rows(course, counts) == [(16, 16)]


def test_interrupted_and_continued(course, serial):
    run = start(course, "grade", "tiny", "--jobs=1", use=run_grade)
    wait_until(lambda: graded(course) >= 2, run)
    os.kill(run.pid, signal.SIGINT)
    run.join(30)
    output = course.folder.with_suffix(".output").read_text()
    assert run.exitcode == 130, output
    assert "of 6 were graded and saved" in output
    assert "run the same command again to continue" in output
    assert "Traceback" not in output
    code, output = grade_class(course)
    assert code == 0, output
    assert everything(course) == serial


def many_assignments(arguments):
    from nbgrader.apps import NbGraderApp
    from nbgrader.apps.api import NbGraderAPI

    app = NbGraderApp()
    app.initialize(arguments)
    for number in range(4):
        assert NbGraderAPI(app.coursedir, parent=app).generate_assignment(f"ps{number}")["success"]


def test_settings_of_the_reference_deployments():
    found = yaml.safe_load((REPOSITORY / "deploy/dask.yaml").read_text())
    for name, value in cluster.SETTINGS.items():
        place = found
        for part in name.split("."):
            place = place[part]
        assert place == value


def test_four_assignments_at_the_same_time(course, made):
    dask = made((), ())
    for number in range(4):
        shutil.copytree(course.folder / "source/tiny", course.folder / f"source/ps{number}")
        for student in ("ada", "bob"):
            folder = course.folder / "submitted" / student
            shutil.copytree(folder / "tiny", folder / f"ps{number}")
    code, output = nbgrader(course, use=many_assignments)
    assert code == 0, output
    where = ["--scheduler", dask.address, "--no-execute"]
    runs = [start(course, "grade", f"ps{n}", *where, use=run_grade) for n in range(4)]
    for run in runs:
        run.join()
        assert run.exitcode == 0, course.folder.with_suffix(".output").read_text()
    query = "select a.name, count(*) from submitted_assignment s join assignment a"
    found = rows(course, f"{query} on a.id = s.assignment_id group by 1 order by 1")
    assert found == [(f"ps{number}", 2) for number in range(4)]


def test_questions_that_need_a_gpu(course, made, serial):
    for path in (course.folder / "source/tiny").glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        next(c for c in notebook.cells if c.id == "fractions").metadata["tags"] = ["gpu"]
        nbformat.write(notebook, path)
    for name in ("ada", "bob", "stops"):
        shutil.rmtree(course.folder / "submitted" / name)
    code, output = grade_class(course, "--tier=gpu", "--jobs=1")
    assert code == 1
    assert "marked 'gpu' and no worker offers one: start workers with `--resources" in output
    dask = made((), ("--resources", "GPU=1"))
    code, output = grade_class(course, "--tier=gpu", "--scheduler", dask.address)
    assert code == 0, output
    found = json.loads((course.folder / "reports/tiny.json").read_text())
    places = {entry["student"]: entry["worker"].split(", ") for entry in found["slowest"]}
    assert len({gpu for _, gpu in places.values()}) == 1  # only one worker has a GPU
    for name in ("half", "text_file", "truncated"):
        assert contents(course)[name]["grade"] == serial[3][name]["grade"]
    assert (found["tier"], last_tier(course, "half")) == ("gpu", "gpu")
    course.hand_in("truncated", course.answered(GOOD))
    code, output = grade_class(course, "--tier=cpu")
    assert code == 1
    assert "A class is graded on one tier, and half was graded on 'gpu': add --tier gpu" in output


def last_tier(course, student):
    return journal.read(journal.place(course.folder / "autograded", "tiny"))[student]["tier"]


# ------------------------------------------------------------------ PostgreSQL


@pytest.fixture
def postgres(tmp_path):
    """The URL of an empty database in a server of our own."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    path = os.pathsep.join([*map(str, reversed(places)), os.environ["PATH"]])
    server, initdb = (shutil.which(name, path=path) for name in ("postgres", "initdb"))
    if not (server and initdb):
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))
    user = []
    if os.geteuid() == 0:  # which PostgreSQL does not want to be
        shutil.chown(folder, "nobody")
        user = ["setpriv", "--reuid", "nobody", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    how = ["-D", data, "--auth=trust", "--username=course", "--no-sync"]
    subprocess.run([*user, initdb, *how], check=True, capture_output=True, cwd="/")
    command = [*user, server, "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"]
    with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL) as process:
        url = f"postgresql+psycopg://course@127.0.0.1:{port}/postgres"
        wait_until(partial(answers, url), process)
        yield url
        process.send_signal(signal.SIGINT)  # without waiting for whoever is connected
    shutil.rmtree(folder)


def answers(url):
    try:
        create_engine(url).connect().close()
    except OperationalError:
        return False
    return True


def test_gradebook_in_postgresql(course, serial, postgres):
    where = (
        f"--db={postgres}",
        "--course=rnn",
    )  # nbgrader lets PostgreSQL have courses with a name only
    course.run("generate_assignment", "tiny", "--force", *where)
    few = ["--student", "half", "text_file", *where]
    code, output = grade_class(course, "--jobs=1", *few)
    assert code == 0, output
    with Gradebook(postgres, "rnn") as gradebook:
        folders = course.folder / "submitted", course.folder / "autograded"
        chosen = export.rows(gradebook, "tiny", *folders, ("half", "text_file"))
    assert [
        (row.student, score.notebook, score.question, score.points)
        for row in chosen
        for score in sorted(row.scores, key=lambda score: (score.notebook, score.question))
    ] == [
        (student, *grade[:3])
        for student in ("half", "text_file")
        for grade in serial[3][student]["grade"]
    ]
    code, output = grade_class(course, *few)
    assert (code, "Nothing to grade" in output) == (0, True)


# ------------------------------------------------------------------ one clear sentence each


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "tcp://nowhere.invalid:8786", "nonsense"])
def test_bad_addresses(address):
    with pytest.raises(journal.RefusedError, match=f"No Dask scheduler answers at {address} \\("):
        cluster.connect(address, patience=0.5)


def test_no_worker_and_wrong_version(monkeypatch):
    options = {"processes": False, "dashboard_address": None, "n_workers": 0}
    with LocalCluster(**options) as dask, cluster.connect(dask.scheduler_address) as client:
        with pytest.raises(journal.RefusedError, match="has no workers: start some with `dask wor"):
            cluster.check(client, dask.scheduler_address, patience=0.2)
        dask.scale(1)
        cluster.check(client, dask.scheduler_address)
        here = "__import__('threading').current_thread().name == 'MainThread'"
        for theirs, sentence in (
            ("'0.9.5'", r"has nbgrader 0.9.5, here it is 0.9.6: install the same versions"),
            ("1 / 0", "does not have what grading needs"),
        ):
            versions = f"{{'nbgrader': '0.9.6' if {here} else {theirs}, 'ruff': {here}}}"
            monkeypatch.setattr(cluster, "VERSIONS", versions)
            with pytest.raises(journal.RefusedError, match=sentence):
                cluster.check(client, dask.scheduler_address)


def test_a_worker_that_lacks_a_package_is_refused(monkeypatch):
    here = "__import__('threading').current_thread().name == 'MainThread'"
    with (
        LocalCluster(processes=False, dashboard_address=None, n_workers=1) as dask,
        cluster.connect(dask.scheduler_address) as client,
    ):
        monkeypatch.setattr(cluster, "VERSIONS", f"{{'numpy': '2.4.6'}} if {here} else {{}}")
        with pytest.raises(journal.RefusedError, match=r"lacks numpy, here it is 2\.4\.6"):
            cluster.check(client, dask.scheduler_address)


def test_what_must_agree_is_all_that_grading_rests_upon():
    names = cluster.pinned()
    assert {"python", "rnn-course", "nbgrader", "numpy", "torch", "tensorflow", "zipp"} <= names
    assert not {"ruff", "pytest", "setuptools"} & names
    assert eval(cluster.VERSIONS)["tensorflow"] == "2.21.0"  # whether it is tensorflow-cpu or not


@pytest.mark.parametrize("changed", ["data/grammar/asides.txt", "rnn_course/thresholds/x.json"])
def test_the_digest_is_of_code_and_data(changed, tmp_path, monkeypatch):
    for package in ("autograder", "data", "rnn_course"):
        for path in (REPOSITORY / package).rglob("*"):
            copy = tmp_path / path.relative_to(REPOSITORY)
            if path.is_file():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
    packages = ["autograder", "data", "rnn_course"]
    here = cluster.code_digest(packages)
    monkeypatch.setattr(cluster.visible, "folder_of", lambda name: tmp_path / name)
    (tmp_path / "autograder/README.md").write_text("changed")
    assert cluster.code_digest(packages) == here  # prose grades nobody
    (tmp_path / changed).write_text("changed")
    assert cluster.code_digest(packages) != here


def test_a_worker_with_other_code_is_refused(monkeypatch):
    options = {"processes": False, "dashboard_address": None, "n_workers": 1}
    digests = iter(["a", "b"])
    monkeypatch.setattr(cluster, "code_digest", lambda _: next(digests))
    assignment = messages.Assignment("tiny", None, b"", {})
    with (
        LocalCluster(**options) as dask,
        cluster.connect(dask.scheduler_address) as client,
        pytest.raises(journal.RefusedError, match="was refused: it has another version of the co"),
    ):
        cluster.Run(client, "run", assignment)


def test_unreadable_submission_and_second_run(course):
    path = course.folder / "submitted/half/tiny/one.ipynb"
    path.rename(path.with_suffix(".txt"))
    path.symlink_to(path.with_suffix(".txt"))
    code, output = grade_class(course, "--dry-run")
    assert code == 0
    assert "half: cannot be graded: tiny/one.ipynb is a symbolic link, which is not foll" in output
    with journal.only_run(course.folder / "journal/tiny.lock", autograde.Autograde().log):
        code, output = grade_class(course)
    assert (code, output.count("\n")) == (1, 1)
    assert "Another run is grading 'tiny': wait until it has finished" in output


def test_full_disk(original, small_disk):
    course = copy(original, small_disk)
    fill(small_disk / "filler", 48 * 1024)
    code, output = grade_class(course, "--jobs=1")
    assert code == 1
    assert "The disk is full: make room and run the command again." in output
    assert "Traceback (most" not in output


# ------------------------------------------------------------------ a worker


@pytest.fixture(scope="module")
def worker(original):
    from nbgrader.apps.autogradeapp import AutogradeApp

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        patch.setenv("COURSE_GRADING", str(original.folder))
        app = AutogradeApp()
        app.initialize([f"--CourseDirectory.source_directory={original.folder}/source"])
    app.coursedir.assignment_id = "tiny"
    assignment = autograde.Autograde(coursedir=app.coursedir, parent=app).pack()
    worker = supervise.Worker(pickle.dumps(assignment), [], 2**40, assignment.process_bytes)
    yield worker
    worker.close()
    assert not os.path.exists(worker.folder)


def submission(original, code, seconds):
    notebook = nbformat.writes(original.answered(code)).encode()
    return messages.Submission("ada", {"one.ipynb": notebook}, {}, seconds=seconds)


def test_a_worker_is_replaced(original, worker, monkeypatch):
    endless = "while True:\n    pass"
    with pytest.raises(messages.NotGradedError, match="it took longer than 3 s"):
        worker.grade(submission(original, endless, seconds=3))
    monkeypatch.setattr(worker, "memory", 1)
    with pytest.raises(messages.NotGradedError, match=r"it used more than 0.0 GiB of memory"):
        worker.grade(submission(original, endless, seconds=60))
    monkeypatch.setattr(worker, "memory", 2**40)
    answer = worker.grade(submission(original, GOOD, seconds=60))
    assert 2**27 < answer.memory < 2**32
    assert answer.took > sum(answer.seconds.values()) * 0.9 > 0
    child = psutil.Process(worker.process.pid)
    worker.close()
    assert not child.is_running()
