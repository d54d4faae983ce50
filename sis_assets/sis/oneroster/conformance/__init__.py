"""How far a package of files departs from the standard, record by record. Contract: OneRoster §4.1, §4.2, §4.4."""
