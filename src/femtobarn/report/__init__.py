"""One self-contained HTML page from the results and figures of runs."""
