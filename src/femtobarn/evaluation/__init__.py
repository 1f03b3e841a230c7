"""Whole evaluations of generated samples: every metric that applies, in one table and one report page.

`jet_scores` compares two samples of jets in memory; `jets` compares files of any length, for the command.
"""
