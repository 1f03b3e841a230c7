"""Dark showers found by autoencoders with two encoders, one of which is a trigger score of two numbers."""
