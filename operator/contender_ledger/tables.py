"""The schema, as it is after the last migration."""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
)

METADATA = MetaData()

SERIES = Table(  # what is counted together
    "series",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("deployment", Text, nullable=False),
    Column("variant", Text, nullable=False),
    UniqueConstraint("deployment", "variant", name="series_deployment_variant"),
)

LABELS = Table(  # the label in force of each labelled row; ages out
    "labels",
    METADATA,
    Column("receipt", LargeBinary, primary_key=True),
    Column("row", SmallInteger, primary_key=True, autoincrement=False),
    Column("series", Integer, ForeignKey("series.id"), nullable=False),
    Column("at", BigInteger, nullable=False),  # when the prediction was served, in epoch milliseconds
    Column("predicted", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("difference", Float(53)),  # |predicted - label| where both are numbers
    Column("first", SmallInteger, nullable=False),  # 1: the first row of its receipt that got a label; else 0
    Index("labels_series_at", "series", "at", "difference"),
    sqlite_with_rowid=False,
)

DELAYS = Table(  # how long after its prediction each row's first label came, by the hour of the prediction; ages out
    "delays",
    METADATA,
    Column("series", Integer, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("bucket", SmallInteger, primary_key=True, autoincrement=False),  # see `delay.py`
    Column("labelled", BigInteger, nullable=False),  # rows
    sqlite_with_rowid=False,
)

COUNTS = Table(  # of LABELS, by minute and by hour; changed in the transaction that changes LABELS
    "counts",
    METADATA,
    Column("series", Integer, ForeignKey("series.id"), primary_key=True, autoincrement=False),
    Column("width", Integer, primary_key=True, autoincrement=False),  # milliseconds
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("predicted", Text, primary_key=True),
    Column("label", Text, primary_key=True),
    Column("labelled", BigInteger, nullable=False),  # rows
    Column("answers", BigInteger, nullable=False),  # receipts: the rows among them that were the first
    sqlite_with_rowid=False,
)
