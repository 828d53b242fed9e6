"""Receipts as they are made: their bytes, the key that they are sealed with, and which answers have one."""

import asyncio
import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import given
from hypothesis import strategies as st

from contender_serving.receipts import Keys, Receipts, keys
from contender_serving.receipts.issuing import content, labelled
from contender_serving.receipts.keys import in_force
from contender_serving.receipts.sealing import Seal
from contender_serving.tensors import Signature, Tensor, TensorSpec
from tests.serving.opening import HEAD, TAG, open_bytes, opened, plain

EXAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "contract" / "receipts.json").read_text(encoding="utf-8")
)
KEY, OTHER_KEY, SALT = bytes(range(32)), bytes(32), bytes(range(16))

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ANSWERS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=256).map(np.array),
    st.lists(st.integers(0, 3), min_size=1, max_size=256).map(np.array),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=256).map(np.array),
    st.lists(st.floats(allow_nan=False, width=32), min_size=1).map(lambda each: np.array(each, np.float32)),
    st.lists(st.booleans(), min_size=1, max_size=256).map(np.array),
    st.lists(TEXTS, min_size=1, max_size=256).map(lambda each: np.array(each, object)),
)


def sealed(answer: Tensor, number: int = 5) -> str:
    return Seal(1_767_225_600, KEY, SALT).token(number, content("churn", "7d9f", 1_767_312_000_123, "predict", answer))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["name"] for example in EXAMPLES])
def test_receipts_are_those_of_the_contract(example: dict[str, Any]) -> None:
    said = example["content"]
    seal = Seal(example["kid"], bytes.fromhex(example["key"]), bytes.fromhex(example["salt"]))
    inner = content(said["deployment"], said["variant"], said["at"], said["output"], np.array(said["predictions"]))

    assert seal.token(example["number"], inner) == example["token"]
    found = opened(example["token"], bytes.fromhex(example["key"]))
    assert (found.rows, found.number, found.kid) == (said["predictions"], example["number"], example["kid"])


def test_the_bytes_are_laid_out_as_the_contract_has_them() -> None:
    token = sealed(np.array([3]))
    whole = plain(token)

    assert whole[:HEAD] == b"\x01" + (1_767_225_600).to_bytes(4) + SALT + b"\0\0\0\0\0\x05"
    assert len(whole) == HEAD + len(content("churn", "7d9f", 1_767_312_000_123, "predict", np.array([3]))) + TAG
    assert "=" not in token
    assert token.isascii()


def test_a_receipt_that_was_altered_or_is_sealed_by_another_key_does_not_open() -> None:
    whole = plain(sealed(np.array([3])))

    assert open_bytes(whole, KEY).predictions == [3]
    with pytest.raises(InvalidTag):
        open_bytes(whole, OTHER_KEY)
    for place in range(len(whole)):
        with pytest.raises(InvalidTag):
            open_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :], KEY)


def test_a_receipt_tells_its_holder_nothing_of_the_prediction() -> None:
    yes, no = (plain(sealed(np.array([text]), number)) for number, text in enumerate(["yes!", "no!!"]))

    assert b"churn" not in yes + no
    assert b"yes!" not in yes
    assert len(yes) == len(no)


@given(answer=ANSWERS, deployment=TEXTS, variant=TEXTS, at=st.integers(0, 2**53), number=st.integers(0, 2**48 - 1))
def test_what_was_sealed_is_what_is_found(answer: Tensor, deployment: str, variant: str, at: int, number: int) -> None:
    token = Seal(0, KEY, SALT).token(number, content(deployment, variant, at, "predict", answer))

    found = opened(token, KEY)
    assert found[:7] == (0, SALT, number, deployment, variant, at, "predict")
    assert found.rows == answer.tolist()
    assert [type(value) for value in found.rows] == [type(value) for value in answer.tolist()]


@pytest.mark.parametrize(
    ("answer", "written"),
    [
        pytest.param(np.array([1, 0] * 4), [1, 0] * 4, id="few rows are written out"),
        pytest.param(np.array([7, 0, 0] * 3), {"values": [7, 0], "rows": bytes([0, 1, 1] * 3)}, id="few values"),
        pytest.param(np.arange(17), list(range(17)), id="many values are written out"),
        pytest.param(np.array([[1.5], [2.0]]), [1.5, 2.0], id="a column"),
        pytest.param(np.array([0.5], np.float32), [0.5], id="single precision"),
        pytest.param(np.array(["ja", b"nein", 3], object), ["ja", "nein", "3"], id="objects are texts"),
        pytest.param(np.array([True]), [True], id="a truth value"),
    ],
)
def test_predictions_are_written_short_where_many_rows_share_few_values(answer: Tensor, written: Any) -> None:
    assert opened(sealed(answer), KEY).predictions == written


def test_a_prediction_that_is_no_number_stays_one() -> None:
    found = opened(sealed(np.full(20, np.nan)), KEY).rows

    assert np.isnan(found).tolist() == [True] * 20


@pytest.mark.parametrize(
    ("kids", "now", "used"),
    [
        pytest.param([], 100, None, id="no key"),
        pytest.param([10, 20, 30], 25, 20, id="the newest that has come"),
        pytest.param([30, 10, 20], 30, 30, id="at its very second"),
        pytest.param([30, 10, 20], 29.9, 20, id="not a moment sooner"),
        pytest.param([40, 30], 25, 30, id="if none has come, the first"),
    ],
)
def test_the_key_in_force_is_known_from_names_and_time(kids: list[int], now: float, used: int | None) -> None:
    assert in_force(kids, now) == used


def kid_of(held: Keys) -> int | None:
    """The key that it seals with now."""
    token = held.sealed(b"")
    return None if token is None else int.from_bytes(plain(token)[1:5])


def test_a_newer_key_takes_over_when_its_time_has_come(tmp_path: Path) -> None:
    held = Keys(tmp_path)
    (tmp_path / "1000").write_bytes(KEY)
    held.look(now=1500)
    first = kid_of(held)
    (tmp_path / "2000").write_bytes(OTHER_KEY)
    held.look(now=1999)
    second = kid_of(held)
    held.look(now=2000)

    assert (first, second, kid_of(held)) == (1000, 1000, 2000)


def test_keys_that_went_away_are_not_used_any_more(tmp_path: Path) -> None:
    held = Keys(tmp_path)
    (tmp_path / "1000").write_bytes(KEY)
    held.look(now=1500)
    (tmp_path / "1000").unlink()
    held.look(now=1500)

    assert not held.there
    assert held.sealed(b"") is None


def test_numbers_go_on_when_the_key_changes_and_the_salt_stays(tmp_path: Path) -> None:
    held = Keys(tmp_path)
    tokens = []
    for kid, key in ((1000, KEY), (2000, OTHER_KEY), (3000, KEY)):
        (tmp_path / str(kid)).write_bytes(key)
        held.look(now=kid)
        tokens += [plain(str(held.sealed(b""))) for _ in range(3)]

    assert len({token[5:21] for token in tokens}) == 1
    assert [int.from_bytes(token[21:27]) for token in tokens] == list(range(9))


@pytest.mark.parametrize(
    ("name", "size"),
    [
        pytest.param("1000", 31, id="too short"),
        pytest.param("1000", 33, id="too long"),
        pytest.param("1000", 0, id="empty"),
    ],
)
def test_a_key_of_a_wrong_length_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, size: int
) -> None:
    (tmp_path / name).write_bytes(bytes(size))
    (tmp_path / "500").write_bytes(KEY)
    held = Keys(tmp_path)
    with caplog.at_level(logging.WARNING):
        held.look(now=2000)
        held.look(now=2030)

    assert kid_of(held) == 500
    assert [record.getMessage() for record in caplog.records] == [
        f"the receipt key {name} has {size} bytes instead of 32, and is not used"
    ]


def test_a_key_that_cannot_be_read_is_left_out_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "1000").mkdir()
    held = Keys(tmp_path)
    with caplog.at_level(logging.WARNING):
        held.look(now=2000)

    assert not held.there
    assert "1000 cannot be read" in caplog.text


@pytest.mark.parametrize("name", ["..data", "key", "-5", "1e3", "٣٤٥", str(2**32), ""])
def test_what_is_no_second_is_no_key(tmp_path: Path, name: str) -> None:
    (tmp_path / (name or "1000.bak")).write_bytes(KEY)
    held = Keys(tmp_path)
    held.look(now=2000)

    assert not held.there


def test_a_folder_that_is_not_there_holds_no_keys(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    held = Keys(tmp_path / "absent")
    with caplog.at_level(logging.WARNING):
        held.look(now=2000)

    assert not held.there
    assert caplog.records == []


def test_a_folder_that_cannot_be_listed_holds_no_keys_and_is_told_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_bytes(KEY)
    held = Keys(tmp_path / "file")
    with caplog.at_level(logging.WARNING):
        held.look(now=2000)

    assert not held.there
    assert "cannot be listed" in caplog.text


def test_keys_are_read_again_only_when_their_names_changed(tmp_path: Path) -> None:
    held = Keys(tmp_path)
    (tmp_path / "1000").write_bytes(KEY)
    held.look(now=1500)
    (tmp_path / "1000").write_bytes(b"")
    held.look(now=1600)

    assert kid_of(held) == 1000


async def test_a_key_that_comes_while_it_serves_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "LOOK_EVERY", 0.001)
    held = Keys(tmp_path)
    await held.follow()
    before = held.there
    (tmp_path / "1000").write_bytes(KEY)
    async with asyncio.timeout(20):
        while not held.there:  # noqa: ASYNC110, it tells nobody
            await asyncio.sleep(0.001)

    assert not before
    assert kid_of(held) == 1000


def test_no_number_is_given_twice_by_many_threads(tmp_path: Path) -> None:
    (tmp_path / "1000").write_bytes(KEY)
    held = Keys(tmp_path)
    held.look(now=1500)
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: held.sealed(b""), range(5_000)))

    assert len({plain(str(token))[5:27] for token in tokens}) == 5_000


def test_two_processes_have_salts_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "1000").write_bytes(KEY)
    salts = set()
    for _ in range(2):
        held = Keys(tmp_path)
        held.look(now=1500)
        salts.add(plain(str(held.sealed(b"")))[5:21])

    assert len(salts) == 2


class Model:
    """Something that predicts, of which only what it says of itself is asked."""

    platform, properties = "none", dict[str, str]()

    def __init__(self, *outputs: TensorSpec, computes_all: bool = False) -> None:
        self.signature, self.computes_all = Signature((), outputs), computes_all

    def predict(self, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> dict[str, Tensor]:
        raise NotImplementedError


LABEL, SCORES = TensorSpec("predict", "INT64", (-1,)), TensorSpec("predict_proba", "FP64", (-1, 2))
PRICE = TensorSpec("price", "FP32", (-1, 1))


@pytest.fixture
def held(tmp_path: Path) -> Keys:
    """A key, in force."""
    (tmp_path / "1000").write_bytes(KEY)
    held = Keys(tmp_path)
    held.look(now=1500)
    return held


@pytest.mark.parametrize(
    ("outputs", "chosen"),
    [
        pytest.param([SCORES, LABEL], "predict", id="predict, wherever it stands"),
        pytest.param([SCORES, PRICE], "price", id="else the first that is one value a row"),
        pytest.param([SCORES], None, id="none is"),
    ],
)
def test_labels_are_of_predict_or_else_of_the_first_output_of_one_value_a_row(
    outputs: list[TensorSpec], chosen: str | None
) -> None:
    assert labelled(Signature((), tuple(outputs))) == chosen


@pytest.mark.parametrize(
    ("answers", "rows", "has_one"),
    [
        pytest.param({"predict": np.arange(256)}, 256, True, id="256 rows"),
        pytest.param({"predict": np.arange(257)}, 257, False, id="more rows"),
        pytest.param({"predict": np.zeros((2, 2))}, 2, False, id="two values a row"),
        pytest.param({"predict": np.zeros((1, 2))}, 2, False, id="another number of rows"),
        pytest.param({"predict": np.zeros(1)}, 2, False, id="one answer to all rows"),
        pytest.param({"predict": np.array(1)}, 1, False, id="a bare number"),
        pytest.param({"predict_proba": np.zeros((2, 2))}, 2, False, id="no predictions"),
    ],
)
def test_an_answer_has_a_receipt_if_it_is_one_value_a_row(
    held: Keys, answers: dict[str, Tensor], rows: int, has_one: bool
) -> None:
    token = Receipts(held, "churn", "7d9f", Model(LABEL, SCORES)).of(answers, rows)

    assert (token is not None) == has_one
    assert token is None or opened(token, KEY).rows == answers["predict"].tolist()


def test_a_model_without_one_value_a_row_gives_no_receipts(held: Keys) -> None:
    receipts = Receipts(held, "churn", "7d9f", Model(SCORES, computes_all=True))

    assert not receipts.given
    assert receipts.wanted(["predict_proba"]) == ["predict_proba"]
    assert receipts.of({"predict_proba": np.zeros((1, 2))}, 1) is None


@pytest.mark.parametrize(
    ("computes_all", "asked", "wanted"),
    [
        pytest.param(True, ["predict_proba"], ["predict_proba", "predict"], id="in the same call"),
        pytest.param(True, ["predict"], ["predict"], id="asked for anyway"),
        pytest.param(False, ["predict_proba"], ["predict_proba"], id="never in a call more"),
    ],
)
def test_predictions_are_computed_along_where_that_costs_no_second_call(
    held: Keys, computes_all: bool, asked: list[str], wanted: list[str]
) -> None:
    assert Receipts(held, "churn", "7d9f", Model(LABEL, SCORES, computes_all=computes_all)).wanted(asked) == wanted


def test_receipts_are_given_from_the_first_key_on(tmp_path: Path, held: Keys) -> None:
    without = Receipts(Keys(tmp_path / "absent"), "churn", "7d9f", Model(LABEL))

    assert not without.given
    assert without.of({"predict": np.zeros(1)}, 1) is None
    assert Receipts(held, "churn", "7d9f", Model(LABEL)).given
