"""Particle flow judged: classes, momenta, jets and missing momentum of several methods on the same events."""
