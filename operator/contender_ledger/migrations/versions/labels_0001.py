"""Series, labels and their counts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("deployment", sa.Text, nullable=False),
        sa.Column("variant", sa.Text, nullable=False),
        sa.UniqueConstraint("deployment", "variant", name="series_deployment_variant"),
    )
    op.create_table(
        "labels",
        sa.Column("receipt", sa.LargeBinary, primary_key=True),
        sa.Column("row", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("series", sa.Integer, sa.ForeignKey("series.id"), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("predicted", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("difference", sa.Float(53)),
        sa.Column("first", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("labels_series_at", "labels", ["series", "at", "difference"])
    op.create_table(
        "counts",
        sa.Column("series", sa.Integer, sa.ForeignKey("series.id"), primary_key=True, autoincrement=False),
        sa.Column("width", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("start", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("predicted", sa.Text, primary_key=True),
        sa.Column("label", sa.Text, primary_key=True),
        sa.Column("labelled", sa.BigInteger, nullable=False),
        sa.Column("answers", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("counts", "labels", "series"):
        op.drop_table(table)
