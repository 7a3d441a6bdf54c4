"""The grading room: what a test cell may ask, how answers are compared, how a class is graded."""
