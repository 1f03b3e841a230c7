"""File formats, and streaming of data larger than memory."""
