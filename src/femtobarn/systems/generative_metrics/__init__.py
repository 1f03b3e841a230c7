"""What each metric of generated jets can see: FPD, KPD, W1 and others on seven known distortions."""
