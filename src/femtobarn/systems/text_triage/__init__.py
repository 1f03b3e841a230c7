"""Which few of many short messages need action: ten models from a word list to a tuned transformer (VictimFinder)."""
