"""`python -m benchmarks.control`: plays the scenarios and prints a table."""

import sys

from benchmarks.control.cli import main

if __name__ == "__main__":
    sys.exit(main())
