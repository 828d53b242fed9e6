"""Whatever a client may send: the answer says what is wrong and what to send, and nothing is counted wrongly."""

import gzip
import json
import time
from typing import Any

import pytest

from tests.ledger.conftest import running
from tests.ledger.process import KID, ROOT, Ledger, Mounts, token
from tests.ledger.sealing import Sealer, now

DAY = 86_400_000
OTHER_KEY = bytes(32)


def reasons(ledger: Ledger, deployment: str, *labels: object) -> list[str]:
    """Why each is refused."""
    return [each["reason"] for each in ledger.label(deployment, labels)["refused"]]


def test_one_bad_label_refuses_no_other(ledger: Ledger, deployment: str) -> None:
    sealer = ledger.sealer(deployment)
    good = [{"receipt": sealer.seal(1), "label": 1} for _ in range(3)]
    told = ledger.label(deployment, [good[0], {"receipt": good[1]["receipt"]}, good[1], 7, good[2]])

    assert told["taken"] == 3
    assert [(each["index"], each["reason"]) for each in told["refused"]] == [(1, "Malformed"), (3, "Malformed")]
    assert ledger.labelled(deployment) == 3


def test_receipts_that_are_not_this_deployments_are_refused(ledger: Ledger, deployment: str) -> None:
    foreign = ledger.sealer(deployment + "-other").seal(1)
    forged = Sealer(deployment, "a", OTHER_KEY, KID).seal(1)
    unknown = Sealer(deployment, "a", OTHER_KEY, KID + 1).seal(1)
    cut = ledger.sealer(deployment).seal(1)[:-5]
    older = "Ag" + cut[2:]
    labels = [{"receipt": receipt, "label": 1} for receipt in (foreign, forged, unknown, cut, older, "", "é", "a b")]

    assert reasons(ledger, deployment, *labels) == ["Foreign", *["Forged"] * 3, *["Malformed"] * 4]
    assert ledger.labelled(deployment) == 0


def test_a_receipt_is_taken_while_clocks_are_a_day_apart(ledger: Ledger, deployment: str) -> None:
    sealer = ledger.sealer(deployment)
    times = [
        now() + DAY - 60_000,
        now() + DAY + 60_000,
        now() - 90 * DAY + 60_000,
        now() - 90 * DAY - 60_000,
        -1,
        2**62,
    ]

    labels = [{"receipt": sealer.seal(1, at=at), "label": 1} for at in times]
    assert reasons(ledger, deployment, *labels) == ["Future", "Expired", "Expired", "Future"]
    assert ledger.labelled(deployment) == 2


def test_a_genuine_receipt_of_another_form_is_refused(ledger: Ledger, deployment: str) -> None:
    sealer = ledger.sealer(deployment)
    receipts = [sealer.sealed(plain) for plain in (b"", b"\x00", b"\x93\x01\x02\x03")] + [
        sealer.seal_short(["a"], b"\x01")
    ]

    assert reasons(ledger, deployment, *({"receipt": each, "label": 1} for each in receipts)) == ["Malformed"] * 4


def test_a_row_that_the_request_did_not_have_is_refused(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment).seal(1, 2)
    labels = [{"receipt": receipt, "label": 1, "row": row} for row in (2, -1, 2**40, 1.5, True, "0", None)]

    assert reasons(ledger, deployment, *labels) == [*["NoSuchRow"] * 3, *["Malformed"] * 4]


@pytest.mark.parametrize(
    ("prediction", "label"),
    [
        ("fraud", 1), ("fraud", 0.5), ("fraud", True), (1, "fraud"), (1, True), (1.5, "1,5"), (1.5, ""), (True, 1),
        (True, "yes"), (False, 0), (1, "NaN"), (1, "Infinity"), (1, "1e999"), (1.5, 10**400), (1, "1_000"),
    ],
)  # fmt: skip
def test_a_label_that_cannot_be_meant_is_of_the_wrong_type(
    ledger: Ledger, deployment: str, prediction: Any, label: Any
) -> None:
    receipt = ledger.sealer(deployment).seal(prediction)

    assert reasons(ledger, deployment, {"receipt": receipt, "label": label}) == ["WrongType"]


@pytest.mark.parametrize("label", [None, [1], {"a": 1}])
def test_a_label_is_a_scalar(ledger: Ledger, deployment: str, label: object) -> None:
    receipt = ledger.sealer(deployment).seal("a")

    assert reasons(ledger, deployment, {"receipt": receipt, "label": label}) == ["Malformed"]


def test_a_number_of_many_digits_is_no_failure(ledger: Ledger, deployment: str) -> None:
    sealer = ledger.sealer(deployment)
    body = ",".join(f'{{"receipt":"{sealer.seal(said)}","label":{"9" * 5000}}}' for said in (1, "1", "fraud", True))
    answer = ledger.send(deployment, f"[{body}]".encode())

    assert answer.status == 200
    assert answer.json()["refusedTotal"] >= 3


def test_an_unknown_class_and_a_variant_that_is_gone_are_taken(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment, "long-gone").seal("fraud")

    assert ledger.label(deployment, [{"receipt": receipt, "label": "never seen"}])["taken"] == 1
    assert ledger.labelled(deployment, "long-gone") == 1


def test_a_misspelt_field_is_not_silently_row_zero(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment).seal(1, 2)

    assert reasons(ledger, deployment, {"receipt": receipt, "label": 1, "rwo": 1}) == ["Malformed"]


def test_each_bad_line_of_ndjson_is_refused_by_itself(ledger: Ledger, deployment: str) -> None:
    good = json.dumps({"receipt": ledger.sealer(deployment).seal(1), "label": 1}).encode()
    lines = [b"{", b"\xff\xfe", good, b"null", b'{"receipt":"\\ud800","label":1}']
    told = ledger.send(deployment, b"\n".join(lines), "application/x-ndjson").json()

    assert (told["taken"], [each["index"] for each in told["refused"]]) == (1, [0, 1, 3, 4])


def test_each_bad_line_of_csv_is_refused_by_itself(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment).seal(1)
    lines = ["receipt,label,row", "only-one", f"{receipt},1,x", f"{receipt},1,0", f"{receipt},1,²", "a,b,c,d"]
    told = ledger.send(deployment, "\n".join(lines).encode(), "text/csv").json()

    assert (told["taken"], [each["index"] for each in told["refused"]]) == (1, [0, 1, 3, 4])


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b""),
        ("application/json", b"{"),
        ("application/json", b"\xff"),
        ("application/json", b'{"receipt": "a", "label": 1}'),
        ("application/json", b"[" * 100_000),
        ("text/csv", b""),
        ("text/csv", b"receipt,lable\n"),
        ("text/csv", b"receipt,label,label\n"),
        ("text/csv", b"\xff\xfe"),
    ],
)
def test_a_body_that_cannot_be_read_says_what_to_send(
    ledger: Ledger, deployment: str, content_type: str, body: bytes
) -> None:
    answer = ledger.send(deployment, body, content_type)

    assert (answer.status, bool(answer.json()["error"])) == (400, True)


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/form-data", "json", ""])
def test_another_content_type_says_which_are_read(ledger: Ledger, deployment: str, content_type: str) -> None:
    answer = ledger.send(deployment, b"[]", content_type)

    assert answer.status == 415
    assert "application/json, application/x-ndjson, text/csv" in answer.json()["error"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"[" + b'{"receipt":"a","label":1},' * 1_000_000 + b"1]"),
        ("application/json", b'[{"receipt":"a","label":1}' + b',{"receipt":"a","label":1}' * 100_000 + b"]"),
        ("application/json", b"[" + b"1," * 1_000_000 + b"1]"),
        ("application/x-ndjson", b'{"receipt":"a","label":1}\n' * 1_000_000),
        ("text/csv", b"receipt,label\n" + b"a,1\n" * 1_000_000),
    ],
    ids=["a million", "one too many", "a million numbers", "a million lines", "a million lines of CSV"],
)
def test_a_million_labels_in_one_body_are_too_many(
    ledger: Ledger, deployment: str, content_type: str, body: bytes
) -> None:
    for sent, headers in ((body, {}), (gzip.compress(body, 1), {"content_encoding": "gzip"})):
        answer = ledger.send(deployment, sent, content_type, **headers)

        assert answer.status == 413
        assert "at most 100,000 labels" in answer.json()["error"]


def test_a_body_that_unpacks_to_too_much_is_refused(ledger: Ledger, deployment: str) -> None:
    bomb = gzip.compress(b" " * (65 * 2**20), 1)

    assert ledger.send(deployment, bomb, content_encoding="gzip").status == 413


def test_refusals_beyond_a_hundred_are_counted(ledger: Ledger, deployment: str) -> None:
    told = ledger.label(deployment, [{"receipt": "?", "label": 1}] * 250)

    assert (len(told["refused"]), told["refusedTotal"]) == (100, 250)


def test_without_the_right_token_it_says_how_to_get_it(ledger: Ledger, deployment: str) -> None:
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": "Basic abc"}, {"x_contender_token": "é"}):
        answer = ledger.post(f"/labels/{deployment}", b"[]", content_type="application/json", **headers)

        assert answer.status == 401
        assert f"`contender labels token {deployment}`" in answer.json()["error"]


def test_the_token_of_another_deployment_is_forbidden(ledger: Ledger, deployment: str) -> None:
    other = deployment + "-other"
    ledger.label(other, [{"receipt": ledger.sealer(other).seal(1), "label": 1}])
    answer = ledger.send(deployment, b"[]", authorization=f"Bearer {token(f'labels/{other}')}")

    assert answer.status == 403
    assert f"this token is for labels/{other}" in answer.json()["error"]


def test_evidence_is_only_for_the_operator(ledger: Ledger, deployment: str) -> None:
    labels = f"Bearer {token(f'labels/{deployment}')}"
    ledger.label(deployment, [{"receipt": ledger.sealer(deployment).seal(1), "label": 1}])

    assert ledger.post(f"/evidence/{deployment}", b"{}", authorization=labels).status == 403
    assert ledger.get(f"/quality/{deployment}").status == 401


@pytest.mark.parametrize(
    "question",
    [
        {},
        {"windows": [{"since": -1}], "variants": [], "measures": []},
        {"windows": [{"since": 2**63}], "variants": [], "measures": []},
        {"windows": [], "variants": [], "measures": [{"measure": "f1"}]},
        {"windows": [], "variants": [], "measures": [{"measure": "recall"}]},
        {"windows": [], "variants": [], "measures": [{"measure": "deviation", "tolerance": "wide"}]},
        {"windows": [{"since": 0}] * 101, "variants": [], "measures": []},
    ],
)
def test_a_question_that_makes_no_sense_is_refused(ledger: Ledger, deployment: str, question: dict[str, Any]) -> None:
    assert ledger.ask(deployment, question).status == 400


def test_a_window_that_ends_before_it_begins_is_empty(ledger: Ledger, deployment: str) -> None:
    ledger.label(deployment, [{"receipt": ledger.sealer(deployment).seal(1.5), "label": 1}])
    deviation = {"measure": "deviation", "tolerance": 0}

    assert ledger.evidence(deployment, deviation, since=now() + DAY, until=0) == {
        "labelled": 0,
        "answers": 0,
        "measures": [{"events": 0, "exposures": 0}],
    }


@pytest.mark.parametrize("since", ["x", "-1", "²", "9" * 30])
def test_a_time_that_is_none_is_refused(ledger: Ledger, deployment: str, since: str) -> None:
    answer = ledger.get(f"/quality/{deployment}?since={since}", authorization=f"Bearer {token('evidence')}")

    assert answer.status == 400


def test_a_missing_secret_is_said_and_its_coming_is_noticed(sqlite: str, mounts: Mounts) -> None:
    (mounts.secret / "root").unlink()
    with running(sqlite, mounts) as ledger:
        refused = ledger.send("churn", b"[]")
        (mounts.secret / "root").write_bytes(ROOT)
        taken = ledger.send("churn", b"[]")

    assert (refused.status, refused.headers["Retry-After"], taken.status) == (503, "10", 200)


def test_a_key_that_comes_later_is_noticed(sqlite: str, mounts: Mounts) -> None:
    with running(sqlite, mounts) as ledger:
        receipt = Sealer("churn", "a", OTHER_KEY, KID + 1).seal(1)
        before = ledger.label("churn", [{"receipt": receipt, "label": 1}])
        (mounts.keys / str(KID + 1)).write_bytes(OTHER_KEY)
        time.sleep(1.1)
        after = ledger.label("churn", [{"receipt": receipt, "label": 1}])

    assert (before["refusedTotal"], after["taken"]) == (1, 1)
