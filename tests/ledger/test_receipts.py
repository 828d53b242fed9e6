"""The receipts of the contract are opened; whatever else is sent as one is refused with its reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from contender_ledger.keys import KeyRing
from contender_ledger.receipt import opened
from contender_ledger.refusal import Reason, Refused

EXAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "contract" / "receipts.json").read_text())


@pytest.fixture(params=EXAMPLES, ids=lambda example: example["name"])
def example(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = request.param
    return found


@pytest.fixture
def keys(example: dict[str, Any], tmp_path: Path) -> KeyRing:
    (tmp_path / str(example["kid"])).write_bytes(bytes.fromhex(example["key"]))
    (tmp_path / "..data").mkdir()
    (tmp_path / "12").write_bytes(b"too short")
    return KeyRing(tmp_path)


def test_a_receipt_of_the_contract_is_opened(example: dict[str, Any], keys: KeyRing) -> None:
    receipt = opened(example["token"], keys)
    content = example["content"]

    assert receipt.identity == bytes.fromhex(example["salt"]) + example["number"].to_bytes(6)
    assert (receipt.deployment, receipt.variant, receipt.at) == (
        content["deployment"],
        content["variant"],
        content["at"],
    )
    assert [(type(each), each) for each in receipt.predictions] == [
        (type(each), each) for each in content["predictions"]
    ]


def test_each_altered_bit_is_noticed(example: dict[str, Any], keys: KeyRing) -> None:
    token = example["token"]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    whole = len(token) // 4 * 4  # the last letter may hold bits that stand for nothing

    for place in range(whole):
        altered = letters[letters.index(token[place]) ^ 1]
        with pytest.raises(Refused) as refused:
            opened(token[:place] + altered + token[place + 1 :], keys)
        assert refused.value.reason in (Reason.FORGED, Reason.MALFORMED)


def test_a_cut_receipt_is_noticed(example: dict[str, Any], keys: KeyRing) -> None:
    token = example["token"]

    for length in range(len(token) - 1):
        with pytest.raises(Refused):
            opened(token[:length], keys)


def test_a_key_that_comes_later_opens_what_it_sealed_and_the_old_one_still_does(tmp_path: Path) -> None:
    """Receipts in flight outlive a rotation."""
    first, second = EXAMPLES[0], EXAMPLES[2]
    keys = KeyRing(tmp_path)
    (tmp_path / str(first["kid"])).write_bytes(bytes.fromhex(first["key"]))
    opened(first["token"], keys)
    (tmp_path / str(second["kid"])).write_bytes(bytes.fromhex(second["key"]))

    keys._looked -= 2  # two seconds later
    opened(second["token"], keys)
    opened(first["token"], keys)
