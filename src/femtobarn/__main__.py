"""``python -m femtobarn`` is the command ``femtobarn``."""

from femtobarn.cli import main

if __name__ == "__main__":
    main()
