"""Where the command begins: a Ctrl-C while the rest is still being loaded is no traceback either."""

import sys


def main() -> None:
    """`dashboard.cli.main.main`, loaded where an interrupt is heard."""
    try:
        from dashboard.cli.main import main as command

        command()
    except KeyboardInterrupt:
        print("Stopped. Nothing is left half-written.", file=sys.stderr)
        sys.exit(130)
