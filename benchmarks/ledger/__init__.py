"""How fast the ledger is: `make bench-ledger`."""
