"""Sensitivity of the metrics of generated jets (FPD, KPD, W1 and others) to seven known distortions."""
