"""`python -m lingpai`, and the command `lingpai`."""

from lingpai.cli import main

if __name__ == "__main__":
    main()
