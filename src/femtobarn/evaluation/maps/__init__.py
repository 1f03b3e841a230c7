"""Methods that predict maps judged at every scale."""
