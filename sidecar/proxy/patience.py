"""How long and how often a call is tried again that several requests share: as the most patient wants."""

from dataclasses import dataclass


@dataclass(slots=True)
class Patience:
    """That of the requests which came so far. See `Ask` for what each of these means for one."""

    sdk_retries: int
    answer_by: float | None
    own_deadline: bool

    def extend(self, other: "Patience") -> None:
        """One more request."""
        self.sdk_retries = min(self.sdk_retries, other.sdk_retries)
        if self.answer_by is None:
            return
        if other.answer_by is None or other.answer_by > self.answer_by:
            self.answer_by, self.own_deadline = other.answer_by, other.own_deadline
