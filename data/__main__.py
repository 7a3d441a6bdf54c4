"""`python -m data list|fetch|verify`: which corpora are here, getting them, checking them."""

import argparse
import functools
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data import glove, imdb, moby_dick, registry

DEFAULT_FETCH = ("imdb", "moby_dick", "glove")  # glove-300d is ten times as large


@dataclass(frozen=True)
class _Actions:
    where: Callable[[], Path | None]
    fetch: Callable[[], Path]
    verify: Callable[[], str]


ACTIONS = {
    "imdb": _Actions(imdb.where, imdb.fetch, imdb.verify),
    "moby_dick": _Actions(moby_dick.where, moby_dick.fetch, moby_dick.verify),
    "glove": _Actions(glove.where, glove.fetch, glove.verify),
    "glove-300d": _Actions(
        functools.partial(glove.where, 300),
        functools.partial(glove.fetch, 300),
        functools.partial(glove.verify, 300),
    ),
}
BUILT_IN = "built in, nothing to fetch"


def print_list() -> None:
    """A table of the corpora: what each is, its size, and where it is or how to get it."""
    header = "corpus", "what", "size", "license", "found, or how to get it"
    rows: list[tuple[str, ...]] = [header]
    for corpus in registry.CORPORA:
        found = ACTIONS[corpus.name].where() if corpus.name in ACTIONS else BUILT_IN
        place = str(found or f"python -m data fetch {corpus.name}")
        rows.append((corpus.name, corpus.what, corpus.size, corpus.license, place))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, tuple("-" * width for width in widths))
    for row in rows:
        print("  ".join(map(str.ljust, row, widths)).rstrip())


def fetch(names: list[str]) -> bool:
    """Fetch these corpora (default: all but the largest); whether all are here now."""

    def act(actions: _Actions) -> str:
        place = actions.fetch()
        actions.verify()  # "ready" is said of nothing that `verify` refuses
        return f"ready in {place}"

    return _for_each(names or DEFAULT_FETCH, act)


def verify(names: list[str]) -> bool:
    """Check these corpora (default: those on this machine); whether all are as published."""
    present = [name for name, actions in ACTIONS.items() if actions.where()]
    absent = [name for name in names if name in ACTIONS and name not in present]
    for name in absent:
        print(f"{name}: not on this machine, get it with python -m data fetch {name}.")
    chosen = [name for name in names or present if name not in absent]
    if not names and not present:
        print("No corpus is on this machine; get them with python -m data fetch.")
    return _for_each(chosen, lambda actions: actions.verify()) and not absent


def _for_each(names, act: Callable[[_Actions], str]) -> bool:
    good = True
    for name in names:
        try:
            print(f"{name}: {act(ACTIONS[name]) if name in ACTIONS else BUILT_IN}")
        except registry.CorpusError as error:
            print(f"{name}: {error}")
            good = False
    return good


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit status: 0, or 1 when a corpus is missing or damaged."""
    parser = argparse.ArgumentParser(prog="python -m data", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help=print_list.__doc__)
    for command in (fetch, verify):
        names = [corpus.name for corpus in registry.CORPORA]
        sub = commands.add_parser(command.__name__, help=command.__doc__)
        sub.add_argument("names", nargs="*", metavar="corpus", help=", ".join(names))
    options = parser.parse_args(arguments)
    warnings.showwarning = lambda message, *_: print(message)
    unknown = set(getattr(options, "names", ())) - {corpus.name for corpus in registry.CORPORA}
    if unknown:
        parser.error(f"unknown corpus {', '.join(sorted(unknown))}; see python -m data list")
    if options.command == "list":
        print_list()
        return 0
    return 0 if {"fetch": fetch, "verify": verify}[options.command](options.names) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nStopped; what was not complete has been removed.")
        sys.exit(130)
