"""`contender-bundle model.joblib --data train.csv --target churned churn-7`: a bundle from files that the user owns.

The model is a file of joblib, pickle or skops, or the folder of a TensorFlow SavedModel; it is loaded as it is, so it
must be your own. The data are rows like those that it was fitted on: CSV or parquet with the target in a column, or
.npy, with the targets in another.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

from contender_serving.bundle.writing import write
from contender_serving.failures import Failure


def main() -> int:
    """Write a bundle, and say whether it will be served by a fast copy or by the estimator itself."""
    arguments = _arguments()
    try:
        data, y = _data(arguments.data, arguments.target)
        model = _model(arguments.model)
        by_name = hasattr(model, "feature_names_in_") or not hasattr(data, "columns")
        rows = data if by_name else _array(data)
        options = {"path": arguments.folder, "name": arguments.name, "version": arguments.version}
        print(write(model, rows, y, **options, **({"format": arguments.format} if arguments.format else {})))
    except (Failure, ImportError, OSError, TypeError, ValueError) as error:
        print(f"contender-bundle: {error}", file=sys.stderr)
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="contender-bundle", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "model", type=Path, help="a fitted estimator: .joblib, .pkl, .pickle or .skops; or a SavedModel"
    )
    parser.add_argument("folder", type=Path, help="the bundle's new folder")
    parser.add_argument("--data", type=Path, required=True, help="rows: .csv, .parquet or .npy")
    parser.add_argument("--target", help="the target's column in the data; or another .npy")
    parser.add_argument("--name", help="the model's name (default: the folder's)")
    parser.add_argument("--version", default="1", help="the model's version, for people (default: 1)")
    parser.add_argument("--format", help="sklearn (the default), onnx, pickle, ...")
    return parser.parse_args()


def _model(file: Path) -> Any:
    if file.is_dir():  # TensorFlow's
        return file
    if file.suffix == ".skops":
        import skops.io

        return skops.io.load(file, trusted=skops.io.get_untrusted_types(file=file))
    import joblib

    return joblib.load(file)


def _data(file: Path, target: str | None) -> tuple[Any, Any]:
    if file.suffix == ".npy":
        return np.load(file), None if target is None else np.load(target)
    frame = _frame(file)
    if target is None:
        return frame, None
    if target not in frame.columns:
        raise ValueError(f"{file} has no column {target}; it has {', '.join(map(str, frame.columns))}")
    return frame.drop(columns=target), frame[target].to_numpy()


def _frame(file: Path) -> Any:
    import pandas as pd

    if file.suffix == ".parquet":
        return pd.read_parquet(file)
    if file.suffix == ".csv":
        return pd.read_csv(file)
    raise ValueError(f"{file} is neither .csv, .parquet nor .npy")


def _array(frame: Any) -> Any:
    """For an estimator that was fitted on an array: a table of numbers, or one column of texts."""
    texts = frame.shape[1] == 1 and frame.dtypes.iloc[0].kind not in "biuf"
    return frame.iloc[:, 0].to_numpy(object) if texts else frame.to_numpy()


if __name__ == "__main__":
    sys.exit(main())
