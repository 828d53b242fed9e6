"""Counts from the outside world, one module for each source. The only code that touches metrics."""


class Silent(Exception):
    """A source did not answer, or not in a way that can be read. Says nothing about the traffic."""
