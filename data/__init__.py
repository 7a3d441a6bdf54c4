"""The corpora of the course: where they come from, and how to read them.

`data.imdb`, `data.glove` and `data.moby_dick` read public data, `data.longmemory` generates its
own; `python -m data list` shows what is on this machine. Importing this package loads nothing.
"""
