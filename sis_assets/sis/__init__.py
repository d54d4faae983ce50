"""One package for each SIS, all of the same shape: client, contract, canonical."""
