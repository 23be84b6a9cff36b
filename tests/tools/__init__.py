"""The tools that the chart's tests run: a Go module each, which pins what is built."""
