"""Labels that are taken, and what becomes of the counts."""

import gzip
import json

import pytest

from tests.ledger.process import Ledger, token
from tests.ledger.sealing import now

ACCURACY = {"measure": "accuracy"}
MINUTE, HOUR = 60_000, 3_600_000


def test_a_label_counts_for_the_variant_that_predicted(ledger: Ledger, deployment: str) -> None:
    right, wrong = (ledger.sealer(deployment, "a").seal("fraud") for _ in range(2))
    other = ledger.sealer(deployment, "b").seal("fraud")
    sent = [
        {"receipt": right, "label": "fraud"},
        {"receipt": wrong, "label": "fine"},
        {"receipt": other, "label": "fine"},
    ]

    assert ledger.label(deployment, sent) == {
        "taken": 3,
        "replaced": 0,
        "repeated": 0,
        "refused": [],
        "refusedTotal": 0,
    }
    assert ledger.evidence(deployment, ACCURACY, variant="a") == {
        "labelled": 2,
        "answers": 2,
        "measures": [{"events": 1, "exposures": 2}],
    }
    assert ledger.evidence(deployment, ACCURACY, variant="b")["measures"] == [{"events": 1, "exposures": 1}]


def test_the_same_label_again_counts_once(ledger: Ledger, deployment: str) -> None:
    label = {"receipt": ledger.sealer(deployment).seal(1), "label": 1}

    assert ledger.label(deployment, [label, label])["repeated"] == 1
    assert ledger.label(deployment, [label])["repeated"] == 1
    assert ledger.labelled(deployment) == 1


def test_a_later_label_replaces_the_earlier_and_the_counts_follow(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment).seal(1)
    ledger.label(deployment, [{"receipt": receipt, "label": 1}])

    assert ledger.label(deployment, [{"receipt": receipt, "label": 0}])["replaced"] == 1
    assert ledger.evidence(deployment, ACCURACY) == {
        "labelled": 1,
        "answers": 1,
        "measures": [{"events": 1, "exposures": 1}],
    }


def test_replacements_within_one_call_are_taken_in_their_order(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment).seal("yes")
    told = ledger.label(
        deployment, [{"receipt": receipt, "label": label} for label in ("no", "yes", "yes", "no", "yes")]
    )

    assert (told["taken"], told["replaced"], told["repeated"]) == (1, 3, 1)
    assert ledger.evidence(deployment, ACCURACY)["measures"] == [{"events": 0, "exposures": 1}]


def test_each_row_of_a_request_has_a_label_of_its_own(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment).seal_short(["no", "yes"], bytes([0] * 9 + [1]))
    ledger.label(deployment, [{"receipt": receipt, "label": "no", "row": row} for row in range(10)])

    assert ledger.evidence(deployment, ACCURACY)["measures"] == [{"events": 1, "exposures": 10}]


def test_a_request_is_one_answer_however_many_of_its_rows_are_labelled(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment).seal(1, 1, 1)
    for row in (2, 0, 1):
        ledger.label(deployment, [{"receipt": receipt, "label": 1, "row": row}])
    ledger.label(deployment, [{"receipt": receipt, "label": 0, "row": row} for row in (0, 2)])

    assert ledger.evidence(deployment, ACCURACY) == {
        "labelled": 3,
        "answers": 1,
        "measures": [{"events": 2, "exposures": 3}],
    }


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/json", '[{{"receipt":"{0}","label":"yes"}},{{"receipt":"{0}","label":"no","row":1}}]'),
        ("application/x-ndjson", '{{"receipt":"{0}","label":"yes"}}\n\n{{"receipt":"{0}","label":"no","row":1}}'),
        ("text/csv", "receipt,label,row\n{0},yes,\n{0},no,1\n"),
        ("text/csv; charset=utf-8", "\ufeffrow,label,receipt\r\n0,yes,{0}\r\n1,no,{0}\r\n"),
    ],
)
def test_labels_come_in_three_forms(ledger: Ledger, deployment: str, content_type: str, form: str) -> None:
    body = form.format(ledger.sealer(deployment).seal("yes", "no")).encode()

    assert ledger.send(deployment, body, content_type).json()["taken"] == 2
    assert ledger.send(deployment, gzip.compress(body), content_type, content_encoding="gzip").json()["repeated"] == 2
    assert ledger.evidence(deployment, ACCURACY)["measures"] == [{"events": 0, "exposures": 2}]


@pytest.mark.parametrize(
    ("prediction", "label"),
    [(1, 1.0), (1, "1"), (1.0, 1), ("1", 1), (True, "true"), ("true", True), (-0.0, 0), (2.5, "2.5"), (1e20, 10**20)],
)
def test_a_class_is_the_same_however_it_is_written(
    ledger: Ledger, deployment: str, prediction: str | float, label: str | float
) -> None:
    ledger.label(deployment, [{"receipt": ledger.sealer(deployment).seal(prediction), "label": label}])

    assert ledger.evidence(deployment, ACCURACY) == {
        "labelled": 1,
        "answers": 1,
        "measures": [{"events": 0, "exposures": 1}],
    }


@pytest.mark.parametrize("text", ["", "x" * 100_000, "nul\0", "≈", "≉", "'; DROP TABLE labels; --", "déjà vu 🎲"])
def test_any_text_is_a_class(ledger: Ledger, deployment: str, text: str) -> None:
    sealer = ledger.sealer(deployment)
    right, wrong = ({"receipt": sealer.seal(text), "label": label} for label in (text, text + "x"))
    ledger.label(deployment, [right, wrong])

    recall = {"measure": "recall", "class": text}
    assert ledger.evidence(deployment, ACCURACY, recall)["measures"] == [
        {"events": 1, "exposures": 2},
        {"events": 0, "exposures": 1},
    ]


def test_recall_and_precision_are_of_one_class(ledger: Ledger, deployment: str) -> None:
    sealer = ledger.sealer(deployment)
    met = {("fraud", "fraud"): 3, ("fraud", "fine"): 2, ("fine", "fraud"): 5, ("fine", "fine"): 7}
    ledger.label(
        deployment,
        [{"receipt": sealer.seal(said), "label": is_} for (said, is_), n in met.items() for _ in range(n)],
    )
    asked = [{"measure": measure, "class": "fraud"} for measure in ("recall", "precision")]

    assert ledger.evidence(deployment, *asked)["measures"] == [
        {"events": 5, "exposures": 8},
        {"events": 2, "exposures": 5},
    ]


def test_deviation_counts_numbers_that_are_off_by_more(ledger: Ledger, deployment: str) -> None:
    sealer = ledger.sealer(deployment)
    labels = {10.0: 10.5, 20.25: 25.25, 30.0: 41.0, float("nan"): 3.0, float("inf"): 3.0}
    ledger.label(deployment, [{"receipt": sealer.seal(said), "label": is_} for said, is_ in labels.items()])
    ledger.label(deployment, [{"receipt": sealer.seal("no number"), "label": "none"}])
    asked = [{"measure": "deviation", "tolerance": tolerance} for tolerance in (11.0, 5.0, 4.9, 0)]

    assert ledger.evidence(deployment, *asked)["measures"] == [
        {"events": events, "exposures": 5} for events in (2, 3, 4, 5)
    ]


def test_a_replaced_number_deviates_anew(ledger: Ledger, deployment: str) -> None:
    receipt = ledger.sealer(deployment).seal(10.5)
    for label in (100, 10.25):
        ledger.label(deployment, [{"receipt": receipt, "label": label}])

    assert ledger.evidence(deployment, {"measure": "deviation", "tolerance": 1}, ACCURACY)["measures"] == [
        {"events": 0, "exposures": 1},
        {"events": 1, "exposures": 1},
    ]


def test_a_window_is_cut_to_the_millisecond(ledger: Ledger, deployment: str) -> None:
    hour = now() // HOUR * HOUR - 3 * HOUR
    served = [
        hour + offset for offset in (-1, 0, 1, MINUTE - 1, MINUTE, 5 * MINUTE, HOUR - 1, HOUR, 2 * HOUR, 2 * HOUR + 1)
    ]
    sealer = ledger.sealer(deployment)
    ledger.label(deployment, [{"receipt": sealer.seal(1, at=at), "label": 1} for at in served])
    edges = sorted({edge for at in served for edge in (at, at + 1)})
    windows = [{"since": since, "until": until} for since in edges for until in edges][::3]

    answers = [
        window["a"]["labelled"]
        for start in range(0, len(windows), 100)
        for window in ledger.ask(
            deployment, {"windows": windows[start : start + 100], "variants": ["a"], "measures": []}
        ).json()["windows"]
    ]
    assert answers == [sum(window["since"] <= at < window["until"] for at in served) for window in windows]


def test_a_variant_without_labels_has_zeros(ledger: Ledger, deployment: str) -> None:
    assert ledger.evidence(deployment, ACCURACY, variant="nobody") == {
        "labelled": 0,
        "answers": 0,
        "measures": [{"events": 0, "exposures": 0}],
    }


def test_quality_shows_what_was_taken_for_what(ledger: Ledger, deployment: str) -> None:
    sealer = ledger.sealer(deployment)
    ledger.label(deployment, [{"receipt": sealer.seal("cat"), "label": label} for label in ("cat", "cat", "dog")])
    ledger.label(deployment, [{"receipt": sealer.seal("cat", at=now() - 49 * HOUR), "label": "dog"}])
    answer = ledger.get(
        f"/quality/{deployment}?since={now() - HOUR}", authorization=f"Bearer {token('evidence')}"
    ).json()

    assert answer["since"] % HOUR == 0
    assert answer["variants"] == {
        "a": {
            "labelled": 3,
            "wrong": 1,
            "accuracy": pytest.approx(2 / 3),
            "confusion": [
                {"predicted": "cat", "label": "cat", "rows": 2},
                {"predicted": "cat", "label": "dog", "rows": 1},
            ],
        }
    }


def test_the_token_may_come_in_a_header_that_proxies_leave_alone(ledger: Ledger, deployment: str) -> None:
    body = json.dumps([{"receipt": ledger.sealer(deployment).seal(1), "label": 1}]).encode()
    answer = ledger.post(
        f"/labels/{deployment}", body, x_contender_token=token(f"labels/{deployment}"), content_type="application/json"
    )

    assert answer.json()["taken"] == 1


def test_metrics_tell_what_became_of_labels(ledger: Ledger, deployment: str) -> None:
    label = {"receipt": ledger.sealer(deployment).seal(1), "label": 1}
    ledger.label(deployment, [label, label, {"receipt": "?", "label": 1}])
    told = ledger.get("/metrics").data.decode()

    for outcome in ("taken", "repeated", "Malformed"):
        assert f'contender_ledger_labels_total{{deployment="{deployment}",outcome="{outcome}"}} 1.0' in told


def test_how_late_labels_came_is_told_when_it_is_asked_for(ledger: Ledger, deployment: str) -> None:
    sealer = ledger.sealer(deployment)
    old, older = (sealer.seal("fraud", at=now() - hours * HOUR) for hours in (2, 2))
    fresh = sealer.seal("fraud")
    ledger.label(deployment, [{"receipt": each, "label": "fraud"} for each in (old, older, fresh)])
    ledger.label(deployment, [{"receipt": old, "label": "fine"}])
    asked = {"windows": [{"since": 0}], "variants": ["a", "b"], "measures": [], "delays": True}
    told = ledger.ask(deployment, asked).json()["windows"][0]

    assert told["a"]["delay"] == pytest.approx(2 * 3600, rel=0.2)
    assert "delay" not in told["b"]
    assert "delay" not in ledger.evidence(deployment)
