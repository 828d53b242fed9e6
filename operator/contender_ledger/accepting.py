"""From labels as they were sent to rows as they are kept, each refused by itself; pure but for the keys."""

from collections.abc import Iterable

from contender_ledger.body import Label, Read
from contender_ledger.keys import KeyRing
from contender_ledger.receipt import Receipt, opened
from contender_ledger.recording import Row
from contender_ledger.refusal import Reason, Refused
from contender_ledger.scalar import WrongType, difference, meant, text_of

DAY = 86_400_000  # milliseconds: how far clocks may be apart


class Gate:
    """Accepts the labels of one call for one deployment."""

    def __init__(self, keys: KeyRing, deployment: str, now: int, retention: int) -> None:
        """`now` and `retention` in milliseconds."""
        self._keys, self._deployment = keys, deployment
        self._now, self._oldest, self._newest = now, now - retention, now + DAY
        self._opened: dict[str, Receipt | Refused] = {}  # many rows come with one receipt

    def accept(self, labels: Iterable[Read]) -> tuple[list[Row], list[tuple[int, Refused]]]:
        """Rows to be kept, in order; and by its index each label that is refused."""
        rows, refused = [], []
        for index, label in enumerate(labels):
            try:
                rows.append(self._row(label))
            except Refused as error:
                refused.append((index, error))
        return rows, refused

    def _row(self, label: Read) -> Row:
        if isinstance(label, Refused):
            raise label
        receipt = self._receipt(label.receipt)
        if not 0 <= label.row < len(receipt.predictions):
            raise Refused(Reason.NO_SUCH_ROW, f"the request had {len(receipt.predictions)} rows, counted from 0")
        return _row(receipt, label, self._now)

    def _receipt(self, token: str) -> Receipt:
        found = self._opened.get(token)
        if found is None:
            found = self._opened[token] = self._checked(token)
        if isinstance(found, Refused):
            raise found
        return found

    def _checked(self, token: str) -> Receipt | Refused:
        try:
            receipt = opened(token, self._keys)
        except Refused as error:
            return error
        if receipt.deployment != self._deployment:
            return Refused(Reason.FOREIGN, "the receipt is of another deployment: post it there")
        if receipt.at < self._oldest:
            return Refused(Reason.EXPIRED, "the prediction is older than labels are kept (LEDGER_RETENTION)")
        if receipt.at > self._newest:
            return Refused(
                Reason.FUTURE, "the prediction is more than a day ahead of the ledger's clock: mend the clocks"
            )
        return receipt


def _row(receipt: Receipt, label: Label, now: int) -> Row:
    prediction = receipt.predictions[label.row]
    try:
        right = meant(label.label, prediction)
    except WrongType as error:
        raise Refused(Reason.WRONG_TYPE, str(error)) from None
    return Row(
        receipt.identity,
        label.row,
        (receipt.deployment, receipt.variant),
        receipt.at,
        text_of(prediction),
        text_of(right),
        difference(prediction, right),
        now,
    )
