"""Learners of classes from few examples judged."""
