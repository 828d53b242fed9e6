"""Receipts: the sealed id of one prediction, which says what was predicted to nobody but the ledger.

The serving path writes nothing anywhere for them: what the ledger needs to know travels with the answer.
"""

from contender_serving.receipts.issuing import Receipts
from contender_serving.receipts.keys import Keys

__all__ = ["Keys", "Receipts"]
