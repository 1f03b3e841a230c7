"""Tracks of pile-up collisions by graph networks, beside a cellular automaton and a Hough transform."""
