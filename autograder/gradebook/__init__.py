"""What we keep: scores in nbgrader's gradebook, and how far a run got."""
