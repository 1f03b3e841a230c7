"""Machine learning on detector data, along the whole path that a collision takes."""

__version__ = "0.1.0"
