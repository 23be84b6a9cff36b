"""A server process that the tests start, and that ends with them."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.cluster.polling import eventually

_TAIL = 4000
"""Characters of a log that a failure shows."""


class Daemon:
    """One, with its log in a file.

    It is told to end when the tests' process is gone, however that ended (Linux only).
    """

    def __init__(
        self, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """Start it. `env`: its whole environment; None: that of the tests."""
        self._log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(  # noqa: S603  # our own command
                ["/usr/bin/setpriv", "--pdeathsig", "KILL", *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=env,
            )

    @property
    def log(self) -> str:
        """The end of what it said."""
        return self._log.read_text("utf-8", errors="replace")[-_TAIL:]

    def ready(self, look: Callable[[], bool], *, seconds: float = 60.0) -> None:
        """Wait until it is. Raises RuntimeError, with its log, where it ends or takes longer."""

        def ready_or_ended() -> bool:
            return self.ended or look()

        try:
            eventually(ready_or_ended, "a start", seconds=seconds)
        except TimeoutError as error:
            raise RuntimeError(f"{self._log.stem} does not become ready:\n{self.log}") from error
        if (code := self._process.poll()) is not None:
            raise RuntimeError(f"{self._log.stem} ended with {code}:\n{self.log}")

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    def terminate(self) -> None:
        """Tell it to end."""
        self._process.terminate()

    def stop(self) -> None:
        """End it, politely first."""
        self.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
