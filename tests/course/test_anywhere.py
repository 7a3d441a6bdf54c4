"""One notebook from one file: its first cell installs what is missing; all addresses are one.

Real hosted services are not run here: a bare environment of each Python and a server on this
machine, which has the wheel, stand in for them.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nbformat
import pytest
import yaml
from helpers import REPOSITORY, load_setup, some

from autograder import syntax
from autograder.quality import members

ANYWHERE, INSTALL = load_setup("anywhere"), load_setup("install")
SOLUTIONS = sorted((REPOSITORY / "solutions").glob("*/*.ipynb"))
NEED_NUMPY_ONLY = ("text_pipeline", "cells_by_hand")


def name(path):
    return f"{path.parent.name}-{path.stem}"


def test_all_cells_and_links_are_up_to_date(capsys):
    assert ANYWHERE.main(["--check"]) == 0, capsys.readouterr().out


@pytest.mark.parametrize("path", ANYWHERE.notebooks(), ids=name)
def test_the_cell_comes_first_and_names_what_is_imported(path):
    notebook = nbformat.read(path, as_version=4)
    cell, *others = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert (cell.id, cell.outputs) == ("anywhere", [])
    named = set(re.findall(r'^    "(\w+)": ', cell.source, re.M))
    assert named & {"autograder", "rnn_course"}
    lines = [line for other in others for line in other.source.splitlines()]
    for package in ("torch", "keras", "mxnet", "sklearn", "pandas", "matplotlib"):
        if any(re.match(rf"(import|from) {package}\b", line) for line in lines):
            assert package in named


@pytest.mark.parametrize("path", SOLUTIONS, ids=name)
def test_the_cell_is_locked_and_no_test(path):
    """A student's cell that asks IPython for pip would raise an alert."""
    exercise = REPOSITORY / "exercises" / path.parent.name / path.name
    for file in (path, exercise):
        cells = {cell.id: cell for cell in nbformat.read(file, as_version=4).cells}
        nbgrader = cells["anywhere"].metadata.nbgrader
        assert nbgrader.locked
        assert not nbgrader.grade
        assert not nbgrader.solution


@pytest.mark.parametrize("path", ANYWHERE.notebooks(), ids=name)
def test_no_notebook_reads_what_only_a_clone_has(path):
    """Files that a notebook reads are in the wheel, beside the module that it imports."""
    code = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    assert not re.search(r'"benchmarks"|\.parent\.parent|Path\("[\w./]+"\)', "\n".join(code))


class Missing:
    """`find_spec` where some modules are missing, and IPython, which is told to install them."""

    def __init__(self, *missing: str) -> None:
        self.missing, self.installed = missing, []

    def find_spec(self, module: str):
        return None if module in self.missing else object()

    def run_line_magic(self, magic: str, line: str) -> None:
        self.installed.append((magic, line))


def run_cell(path: Path, monkeypatch, capsys, *missing: str) -> tuple[dict, list]:
    source = ANYWHERE.first_cell(nbformat.read(path, as_version=4))
    machine = Missing(*missing)
    monkeypatch.setattr("importlib.util.find_spec", machine.find_spec)
    names: dict = {"get_ipython": lambda: machine}
    exec(compile(syntax.parse_cell(source), "cell", "exec"), names)
    assert capsys.readouterr().out == ""
    return names, machine.installed


@pytest.mark.parametrize("path", ANYWHERE.notebooks(), ids=name)
def test_nothing_happens_where_the_course_is_set_up(path, monkeypatch, capsys):
    names, installed = run_cell(path, monkeypatch, capsys)
    assert installed == []
    ours = {name for name in names if not name.startswith("_")}
    assert ours <= {"get_ipython", "find_spec", "sys"}  # no name that an answer could use


def test_what_is_missing_is_installed_and_nothing_else(monkeypatch, capsys):
    path = REPOSITORY / "solutions" / "lstm_and_packing" / "packing.ipynb"
    _, ((magic, line),) = run_cell(path, monkeypatch, capsys, "autograder", "tqdm")
    assert magic == "pip"
    assert line.startswith("install --quiet ")
    # IPython fills the braces in; the list is in the notebook's own names
    names, _ = run_cell(path, monkeypatch, capsys, "autograder", "tqdm")
    addresses = ANYWHERE.addresses
    assert names["_missing"] == [f"{addresses.release()}/{addresses.wheel()}", "tqdm"]


@pytest.mark.parametrize(("version", "fits"), [((3, 11), True), ((3, 12), False)])
def test_gluon_says_which_python_it_needs(monkeypatch, capsys, version, fits):
    path = REPOSITORY / "solutions" / "gluon_sentiment" / "sentiment.ipynb"
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(sys, "platform", "linux")
    if fits:
        names, _ = run_cell(path, monkeypatch, capsys, "mxnet")
        assert names["_missing"] == ["mxnet==1.9.1 numpy==1.23.5"]
    else:
        with pytest.raises(RuntimeError, match=r"runs on Linux with Python 3\.11"):
            run_cell(path, monkeypatch, capsys, "mxnet")


def test_a_fork_changes_one_line(monkeypatch, tmp_path):
    """Every address that leads to the course follows pyproject.toml; none is written elsewhere."""
    tracked = subprocess.run(
        ["git", "ls-files", "*.py", "*.md", "*.toml", "*.yml", "*.ipynb", "*.json", "*.cff"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    address = ANYWHERE.addresses.project()["urls"]["Repository"]
    owner = address.partition("github.com/")[2]
    holders = {p for p in tracked if owner in (REPOSITORY / p).read_text(encoding="utf-8")}
    text = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8")
    assert text.count(address) == 1
    (tmp_path / "pyproject.toml").write_text(text.replace(address, "https://github.com/me/mine"))
    monkeypatch.setattr(ANYWHERE.addresses, "ROOT", tmp_path)
    written = {REPOSITORY / name: ANYWHERE.page(REPOSITORY / name) for name in ANYWHERE.PAGES}
    written |= {path: ANYWHERE.text_of(path) for path in ANYWHERE.notebooks()}
    assert not [path for path, text in written.items() if owner in text]
    assert all("https://github.com/me/mine" in text for text in written.values())
    made = {str(path.relative_to(REPOSITORY)) for path in written}
    made |= {path.replace("solutions/", "exercises/") for path in made}
    assert holders - made == {"pyproject.toml"}


def test_links_start_what_can_be_started():
    pages = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    table = pages.partition("<!-- launch -->")[2].partition("<!-- end -->")[0]
    rows = [line for line in table.splitlines() if line.startswith("| [")]
    repository = ANYWHERE.addresses.project()["urls"]["Repository"].partition(".com/")[2]
    assert len(rows) == len(ANYWHERE.notebooks())
    for row in rows:
        path = re.search(r"\]\((\S+?)\)", row).group(1)
        notebook = nbformat.read(REPOSITORY / path, as_version=4)
        colab = f"https://colab.research.google.com/github/{repository}/blob/main/{path}"
        assert (colab in row) == (notebook.metadata.kernelspec.name != "gluon")
        assert "codespaces.new" in row


def test_other_hosts_have_no_launch_links(monkeypatch):
    project = {"urls": {"Repository": "https://git.example.org/me/mine"}, "version": "1"}
    monkeypatch.setattr(ANYWHERE.addresses, "project", lambda: project)
    assert ANYWHERE.addresses.launches("lectures/1.ipynb") == {}


# ------------------------------------------------------------------ in a bare environment


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_) -> None:
        pass


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A server that has the wheel where a release has it; its address."""
    folder = tmp_path_factory.mktemp("published")
    addresses = ANYWHERE.addresses
    wheel = load_setup("other_pythons").build_wheel(folder)
    path = addresses.release().removeprefix(addresses.project()["urls"]["Repository"])
    place = folder / f"www/me/mine{path}"
    place.mkdir(parents=True)
    shutil.copy(wheel, place)
    handler = partial(Quiet, directory=folder / "www")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/me/mine"
        server.shutdown()


def answered(path: Path, address: str) -> nbformat.NotebookNode:
    """The exercise with right answers, from a fork at that address."""
    solution = nbformat.read(path, as_version=4)
    exercise = nbformat.read(REPOSITORY / "exercises" / path.parent.name / path.name, as_version=4)
    notebook = members.Member("student", "").submission(path.stem, solution, exercise)
    project = ANYWHERE.addresses.project()
    project["urls"]["Repository"] = address
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ANYWHERE.addresses, "project", lambda: project)
        return ANYWHERE.with_first_cell(notebook)


@pytest.mark.slow
@pytest.mark.parametrize("version", some(INSTALL.VERSIONS))
def test_an_exercise_runs_from_its_file_alone(version, published, tmp_path):
    """With Jupyter and nothing else, not even NumPy: every check passes."""
    try:
        base, _ = INSTALL.find_python((version,))
    except INSTALL.SetupError as fault:
        pytest.skip(str(fault))
    env = tmp_path / "env"
    subprocess.run([base, "-m", "venv", env], check=True)
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--python", env / "bin/python"]
    subprocess.run([*uv, "-c", INSTALL.MAIN.lock, "ipykernel", "nbconvert"], check=True)
    place = tmp_path / "downloaded"
    place.mkdir()
    files = []
    for path in (p for p in SOLUTIONS if p.parent.name in NEED_NUMPY_ONLY):
        nbformat.write(answered(path, published), place / path.name)
        files.append(path.name)
    bare = {"HOME": str(tmp_path), "PATH": f"{env / 'bin'}:/usr/bin:/bin"}
    command = [env / "bin/python", "-m", "nbconvert", "--to=notebook", "--execute", "--inplace"]
    done = subprocess.run([*command, *files], cwd=place, env=bare, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    for file in files:
        for cell in nbformat.read(place / file, as_version=4).cells:
            if syntax.is_test(cell):
                results = [o for o in cell.outputs if o.output_type == "execute_result"]
                points = float(results[-1].data["text/plain"]) if results else None
                assert points in (None, cell.metadata.nbgrader.points), cell.id


# ------------------------------------------------------------------ Codespaces and Binder


def test_codespaces_does_what_the_readme_says():
    made = json.loads((REPOSITORY / ".devcontainer" / "devcontainer.json").read_text())
    assert made["postCreateCommand"] == "make setup"
    interpreter = made["customizations"]["vscode"]["settings"]["python.defaultInterpreterPath"]
    assert interpreter == "${containerWorkspaceFolder}/.venv/bin/python"
    tag = re.search(r"python:\d+-(\d\.\d+)-", made["image"]).group(1)
    assert tag == INSTALL.GLUON_VERSION  # the only one that has both environments


def test_binder_installs_what_is_locked():
    folder = REPOSITORY / "binder"
    assert (folder / "runtime.txt").read_text().strip().removeprefix("python-") in INSTALL.VERSIONS
    lines = [line for line in (folder / "requirements.txt").read_text().splitlines() if line]
    index, lock, course = lines[1:]
    assert index == f"--extra-index-url {INSTALL.CPU_INDEX}"
    assert (folder / lock.removeprefix("-c ")).resolve() == INSTALL.MAIN.lock
    project = ANYWHERE.addresses.project()
    extras = re.fullmatch(r"\.\[(\S+)\]", course).group(1).split(",")
    assert set(extras) <= set(project["optional-dependencies"])
    assert {"student", "lectures", *INSTALL.FRAMEWORKS} <= set(extras)


def test_a_release_publishes_the_wheel_that_notebooks_ask_for():
    path = REPOSITORY / ".github" / "workflows" / "release.yml"
    workflow = yaml.safe_load(path.read_text())
    assert workflow[True]["push"]["tags"] == ["v*"]  # YAML reads `on` as true
    steps = [step.get("run", "") for step in workflow["jobs"]["wheel"]["steps"]]
    assert any("pip wheel --no-deps" in step for step in steps)
    assert any("gh release create" in step for step in steps)
