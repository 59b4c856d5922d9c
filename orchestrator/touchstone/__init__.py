"""The touchstone: a computer that runs, a disk that stays, an address that answers, a name that resolves; tried."""
