"""File formats, and streaming of data larger than memory.

`source` says what a table is; `csv`, `hdf5`, `npy`, `parquet` and `root` read files as such, `ragged` events of
different size, `features` any of them as one matrix, `scores` as one number an event; `events` counts events with time
stamps in bins, `event_file` reads recordings of them, `episodes` draws few-shot tasks; `opening` is the gate that every
file passes; `kind` is what a file says its events are; `hardest` and `split` take out what is wanted and keep apart
what must be kept apart; `checksums`, `atomic` and `cache` are about files.
"""
