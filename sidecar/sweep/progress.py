"""Says on stderr how far a sweep is: a line that moves on a terminal, a line per level elsewhere."""

from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.text import Text

from sidecar.sweep.level import Level
from sidecar.sweep.table import described
from sidecar.sweep.tally import Tally

_PER_SECOND = 8


class Progress(Protocol):
    """Hears what happens."""

    def __enter__(self) -> "Progress": ...
    def __exit__(self, *_: object) -> None: ...
    def started(self, tally: Tally) -> None:
        """A level begins; the tally fills while it runs."""
        ...

    def finished(self, level: Level) -> None:
        """It has ended."""
        ...


class LiveProgress:
    """A line that moves, below the levels that have ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tally: Tally | None = None
        self._live = Live(
            console=console,
            get_renderable=self._line,
            refresh_per_second=_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> "LiveProgress":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tally = None
        self._live.stop()

    def started(self, tally: Tally) -> None:
        """Watch this one."""
        self._tally = tally

    def finished(self, level: Level) -> None:
        """Keep its line."""
        self._tally = None
        self._console.print(described(level), highlight=False, soft_wrap=True)

    def _line(self) -> Text:
        """Called from the display's thread: only reads numbers."""
        tally = self._tally
        if tally is None:
            return Text()
        if tally.warming:
            return Text(f"{tally.concurrency:5d} at once  warming up ...")
        return Text(
            f"{tally.concurrency:5d} at once  {tally.ended} requests"
            f"  {tally.throughput():.1f}/s  {tally.errors.total()} failed ...",
            no_wrap=True,
        )


class PlainProgress:
    """One line per level that has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(self, *_: object) -> None:
        return

    def started(self, tally: Tally) -> None:
        """Nothing to say yet."""

    def finished(self, level: Level) -> None:
        """Say what it came to."""
        self._console.print(described(level), highlight=False, soft_wrap=True)
