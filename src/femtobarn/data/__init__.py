"""File formats, and streaming of data larger than memory.

`source` says what a table is; `csv`, `hdf5`, `npy`, `parquet` and `root` read files as such,
`features` any of them as one matrix; `split` keeps apart what must be
kept apart; `checksums` and `cache` are about files.
"""
