"""One file per measure; each has a function that takes a plan and gives rows."""
