"""What is kept: scores in nbgrader's gradebook, and how far a run came."""
