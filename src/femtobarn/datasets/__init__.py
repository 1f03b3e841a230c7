"""One file per public data set: columns, units, reader, checks and its stand-in."""
