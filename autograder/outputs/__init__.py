"""What comes out: feedback pages, exports, the report of a run, formgrader."""
