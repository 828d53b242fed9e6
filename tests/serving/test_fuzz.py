"""The properties of `fuzzing`, for some seconds; `make fuzz` gives them ten minutes."""

import pytest

from tests.serving.fuzzing import PROPERTIES, try_out


@pytest.mark.parametrize("name", PROPERTIES)
def test_no_input_breaks_it(name: str) -> None:
    try_out(name, examples=300)
