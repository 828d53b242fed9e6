"""What a person has to mend before a command can answer."""


class Unusable(Exception):
    """The message names the mend."""
