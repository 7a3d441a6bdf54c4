"""The grading room: what a test cell may ask, how answers are compared, how a class is graded."""

import sys

# jsonschema compiles a grammar for 2.5 s, for an optional check that nobody here asks for.
sys.modules.setdefault("rfc3987_syntax", None)
