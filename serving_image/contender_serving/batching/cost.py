"""What a call of the model takes, learned from its calls."""

MEMORY = 0.98  # of what is known, kept at each call: some 50 calls count
SURPRISE = 10  # a call that takes more times longer than expected counts as that: the machine, not the model
QUICK = 0.001  # seconds; a call this short may be made on the event loop
STRETCH = 2  # a batch takes at most so many times longer than a single row


class Cost:
    """Seconds = fixed + per_row * rows, by least squares; until rows differ, all of it is taken to be per row."""

    def __init__(self) -> None:
        self.fixed = self.per_row = 0.0
        self.rows_at_once = 1  # that it pays to compute together, as far as was tried: it takes not much longer
        self._largest = 1  # rows of a call so far
        self._calls = self._rows = self._seconds = self._squares = self._products = 0.0

    def of(self, rows: int, calls: int = 1) -> float:
        """Expected seconds of so many rows in so many calls."""
        return self.fixed * calls + self.per_row * rows

    def is_quick(self, rows: int) -> bool:
        """Whether a call may be made on the event loop."""
        return self.of(rows) <= QUICK

    def observe(self, rows: int, seconds: float) -> None:
        """Learn from a call."""
        if self._calls:
            seconds = min(seconds, SURPRISE * self.of(rows))
        self._largest = max(self._largest, rows)
        self._calls = self._calls * MEMORY + 1
        self._rows = self._rows * MEMORY + rows
        self._seconds = self._seconds * MEMORY + seconds
        self._squares = self._squares * MEMORY + rows * rows
        self._products = self._products * MEMORY + rows * seconds
        self._fit()

    def _fit(self) -> None:
        rows, seconds = self._rows / self._calls, self._seconds / self._calls
        variance = self._squares / self._calls - rows * rows
        if variance > 0.01 * rows * rows:
            covariance = self._products / self._calls - rows * seconds
            self.per_row = max(0.0, covariance / variance)
        elif not self.fixed:
            self.per_row = seconds / rows
        self.fixed = max(0.0, seconds - self.per_row * rows)
        longest = max(QUICK, STRETCH * self.of(1))
        pays = (longest - self.fixed) / self.per_row if self.per_row else STRETCH * self._largest
        self.rows_at_once = max(1, int(min(pays, STRETCH * self._largest)))
