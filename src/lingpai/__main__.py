"""`python -m lingpai`, and the command `lingpai`."""

import gc


def main() -> None:
    """Runs the command of this process."""
    # What is loaded makes no garbage, and looking for some takes a sixth of a start. A command has it looked for again (`cli`).
    gc.disable()
    from lingpai.cli import main as run  # noqa: PLC0415 - it is what is loaded

    run()


if __name__ == "__main__":
    main()
