"""The ledger: joins labels that come late to the receipts of predictions, and counts how often each variant was right.

It knows nothing of the operator and of the serving image: what they share is written in docs/ledger.md.
"""
