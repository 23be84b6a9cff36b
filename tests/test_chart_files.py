"""The chart's files that are made from the code are those that the code makes."""

from tests.chart_files import chart_files


def test_the_chart_has_the_files_that_the_code_makes() -> None:
    for path, text in chart_files().items():
        assert path.read_text(encoding="utf-8") == text, "run `python -m tests.chart_files`"
