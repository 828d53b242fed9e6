"""The same requests to MLServer and to ours, on the same estimators: answers agree, or the difference is on the page.

`make test-differential` runs it: MLServer has an environment of its own, which takes a minute to make the first time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from contender_serving import bundle
from tests import models
from tests.serving.differential import kinds
from tests.serving.differential.peers import Answer, Peer, mlserver, ours

EACH = 60  # requests of a kind
PAGE = (Path(__file__).parents[3] / "docs" / "serving-contract.md").read_text()
JSON = {"Content-Type": "application/json"}
KINDS = [("digits", kind) for kind in kinds.DIGITS] + [("texts", kind) for kind in kinds.TEXTS]


def differences() -> dict[str, tuple[int, int]]:
    """What the page lists: for a kind of request our status and MLServer's."""
    section = PAGE.split("### Differences from MLServer\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| (\d+) \| (\d+) \|", section, re.MULTILINE)
    return {kind: (int(here), int(there)) for kinds, here, there in rows for kind in kinds.split("; ")}


@dataclass(frozen=True, slots=True)
class Pair:
    """Both servers of one estimator."""

    ours: Peer
    mlserver: Peer


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Pair]]:
    """By the estimators' names."""
    folder = tmp_path_factory.mktemp("differential")
    rows, labels = models.digits()
    digits = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(rows, labels)
    texts = kinds.texts(np.random.default_rng(1))
    sentiment = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, ["good" in text for text in texts])
    bundle.write(digits, rows, labels, path=folder / "digits" / "bundle")
    bundle.write(sentiment, texts, path=folder / "texts" / "bundle")
    with (
        mlserver({"digits": digits, "texts": sentiment}, folder / "mlserver") as peer,
        ours("digits", folder / "digits") as of_digits,
        ours("texts", folder / "texts") as of_texts,
    ):
        yield {"digits": Pair(of_digits, peer), "texts": Pair(of_texts, peer)}


@pytest.mark.parametrize(("model", "kind"), KINDS, ids=[f"{model}: {kind}" for model, kind in KINDS])
def test_both_answer_alike_or_as_the_page_says(pairs: dict[str, Pair], model: str, kind: str) -> None:
    pair, make = pairs[model], (kinds.DIGITS | kinds.TEXTS)[kind]
    seen: set[tuple[int, int]] = set()

    for body in kinds.of(make, EACH):
        answers = pair.ours.infer(model, body, JSON), pair.mlserver.infer(model, body, JSON)
        seen.add((answers[0].status, answers[1].status))
        if all(answer.status == 200 for answer in answers):
            _assert_equal(*answers)

    allowed = {differences()[kind]} if kind in differences() else {(200, 200), (400, 400)}
    assert len(seen) == 1, seen
    assert seen <= allowed


def test_the_page_lists_only_what_is_tried() -> None:
    assert differences().keys() <= kinds.DIGITS.keys() | kinds.TEXTS.keys()


def _assert_equal(here: Answer, there: Answer) -> None:
    """MLServer answers labels alone unless asked for more, ours everything."""
    for output in there.body["outputs"]:
        mine, theirs = _array(here.output(output["name"])), _array(output["data"])
        if theirs.dtype.kind == "f":
            np.testing.assert_allclose(mine, theirs, rtol=1e-6, atol=1e-9)
        else:
            np.testing.assert_array_equal(mine, theirs)


def _array(data: list[Any]) -> Any:
    return np.array(data).ravel()
