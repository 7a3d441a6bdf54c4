"""The corpora of the course: where they come from, and how they are read."""
