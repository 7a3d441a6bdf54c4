"""Notebooks as they are committed: stable cell ids, no run numbers, no trace of a machine.

Run by pre-commit and `make lint`: `python -m autograder.quality.normalize [--check] NOTEBOOK…`.
Sources, nbgrader metadata, the kernelspec and the outputs' content stay; normalizing twice changes
nothing.
"""

import argparse
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import nbformat

from autograder.quality import HOME

COURSE = str(HOME)
CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
# What editors and runners note about one session on one machine
SESSION_METADATA = {
    "ExecuteTime", "collapsed", "execution", "interpreter", "papermill", "scrolled", "signature",
    "vscode", "widgets",
}  # fmt: skip
# A path starts after anything but a name, or after a terminal color code (which ends in a letter)
START = r"(\x1b\[[\d;]*m|(?<![\w.~-]))"
PLACES = (
    (START + re.escape(COURSE) + r"(?=[/\\\s\"':]|$)", "."),
    (START + r"(?:/private)?(?:/var/folders/\S+?|/tmp)/ipykernel_\d+/\d+\.py", "cell.py"),
    (START + r"(?:/Users|/home|[A-Z]:\\+Users)[/\\]+[^/\\\s\"'<>:]+", "~"),
    (START + r"/root(?=/)", "~"),
)


def without_places(text: str) -> str:
    """The text with the course's folder as '.' and anybody's home folder as '~'."""
    for pattern, name in PLACES:
        text = re.sub(pattern, rf"\1{name}", text)
    return text


def _scrub(value: Any) -> Any:
    """`without_places` for every string in a JSON value."""
    if isinstance(value, str):
        return without_places(value)
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, dict):
        return {key: _scrub(item) for key, item in value.items()}
    return value


def _clean_metadata(metadata: dict) -> dict:
    kept = {key: value for key, value in metadata.items() if key not in SESSION_METADATA}
    untouched = ("nbgrader", "kernelspec")
    return {key: value if key in untouched else _scrub(value) for key, value in kept.items()}


def _clean_output(output: dict) -> dict:
    """The output without run number, widget state and places; images are left as they are."""
    if "execution_count" in output:
        output["execution_count"] = None
    for key in ("text", "traceback", "evalue"):
        if key in output:
            output[key] = _scrub(output[key])
    if "data" in output:
        output["data"] = {
            mime: value if mime.startswith("image/") else _scrub(value)
            for mime, value in output["data"].items()
            if mime != WIDGET_VIEW
        }
    if "metadata" in output:
        output["metadata"] = _clean_metadata(output["metadata"])
    return output


def _shows_only_a_widget(output: dict) -> bool:
    return output["output_type"] == "display_data" and WIDGET_VIEW in output["data"]


def _join_streams(outputs: list[dict]) -> list[dict]:
    """One output for what was printed in a row: where a kernel cuts it depends on the machine."""
    joined: list[dict] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if "stream" == output["output_type"] == last.get("output_type") and (
            output["name"] == last["name"]
        ):
            last["text"] = "".join(last["text"]) + "".join(output["text"])
        else:
            joined.append(output)
    return joined


def _wanted_id(cell: dict) -> str:
    """The grade_id of an nbgrader cell, else the id it has, else one made from its source."""
    grade_id = cell.get("metadata", {}).get("nbgrader", {}).get("grade_id")
    for name in (grade_id, cell.get("id")):
        if isinstance(name, str) and CELL_ID.fullmatch(name):
            return name
    return hashlib.sha256("".join(cell["source"]).encode()).hexdigest()[:8]


def _set_ids(cells: list[dict]) -> None:
    """Give every cell its id; where two want the same one, later cells get a number."""
    taken: set[str] = set()
    wishes = [_wanted_id(cell) for cell in cells]
    for cell, wish in zip(cells, wishes, strict=True):
        name, number = wish, 2
        while name in taken:
            name, number = f"{wish[:60]}-{number}", number + 1
        taken.add(name)
        cell["id"] = name


def normalize(notebook: dict) -> dict:
    """The notebook (version 4 JSON) in the form that is committed; changes and returns it.

    Raises ValueError if it is not a version 4 notebook.
    """
    if notebook.get("nbformat") != 4:
        raise ValueError(f"expected notebook format 4, found {notebook.get('nbformat')}")
    notebook["nbformat_minor"] = max(5, notebook.get("nbformat_minor", 0))
    notebook["metadata"] = _clean_metadata(notebook.get("metadata", {}))
    notebook["metadata"].get("language_info", {}).pop("version", None)
    position = 0
    for cell in notebook["cells"]:
        cell["metadata"] = _clean_metadata(cell.get("metadata", {}))
        if cell["cell_type"] == "code":
            position += 1
            # A progress bar without its widget's state would stand at 0 % for ever.
            kept = [out for out in cell["outputs"] if not _shows_only_a_widget(out)]
            cell["outputs"] = _join_streams([_clean_output(output) for output in kept])
            # The cell's place, not how often it was run; nbval wants a number beside outputs.
            cell["execution_count"] = position if cell["outputs"] else None
    _set_ids(notebook["cells"])
    return notebook


def normalize_text(text: str) -> str:
    """The contents of an .ipynb file, normalized and laid out as Jupyter and nbgrader write it.

    Raises ValueError with one sentence if the text is not a valid notebook.
    """
    try:
        notebook = normalize(json.loads(text))
        nbformat.validate(notebook)
    except json.JSONDecodeError as fault:
        raise ValueError(f"expected JSON, found an error in line {fault.lineno}") from fault
    except nbformat.ValidationError as fault:
        raise ValueError(f"expected a valid notebook: {fault.message[:200]}") from fault
    except (KeyError, TypeError, AttributeError) as fault:
        raise ValueError(f"expected a notebook, found JSON without {fault}") from fault
    return nbformat.writes(nbformat.reads(json.dumps(notebook), as_version=4)) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Rewrite the notebooks that need it; 1 if any did (or, with --check, would) or is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.quality.normalize", description=__doc__
    )
    parser.add_argument("--check", action="store_true", help="only say which would change")
    parser.add_argument("notebooks", nargs="+", type=Path, metavar="NOTEBOOK")
    options = parser.parse_args(arguments)
    changed = False
    for file in options.notebooks:
        try:
            before = file.read_text(encoding="utf-8")
            after = normalize_text(before)
        except (OSError, ValueError) as fault:
            print(f"{file}: {fault}", file=sys.stderr)
            changed = True
            continue
        if after == before:
            continue
        changed = True
        if options.check:
            print(f"{file}: not normalized; run `python -m autograder.quality.normalize {file}`")
            continue
        draft = file.with_suffix(".new")
        draft.write_text(after, encoding="utf-8")
        draft.replace(file)
        print(f"{file}: normalized")
    return int(changed)


if __name__ == "__main__":
    sys.exit(main())
