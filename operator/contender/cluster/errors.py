"""What can go wrong on the way to the API server, as the reconcile needs to tell it apart. Anything else is a bug."""

from contender.observation import Problem


class Transient(Exception):
    """It did not work this time, and may the next: a conflict, an API server that is away or busy."""


class Refused(Exception):
    """It will not work until somebody changes something; the problem says what."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem
