"""FastAPI as a data scientist writes it: a pydantic body, the model at the module's top, a plain function."""

import os

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.peers.estimator import load

model = load(os.environ["BENCH_MODEL"])
app = FastAPI()


class Rows(BaseModel):
    """What is asked."""

    instances: list[list[float]]


class Texts(BaseModel):
    """What is asked of a model of texts."""

    instances: list[str]


@app.get("/health")
def health() -> dict[str, bool]:
    """Up."""
    return {"ready": True}


@app.post("/predict")
def predict(rows: Rows) -> dict[str, list[int]]:
    """The label of each row."""
    return {"predictions": model.predict(np.array(rows.instances)).tolist()}


@app.post("/predict-texts")
def predict_texts(texts: Texts) -> dict[str, list[int]]:
    """The label of each text."""
    return {"predictions": model.predict(texts.instances).tolist()}
