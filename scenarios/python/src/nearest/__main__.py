"""The command line."""

import click
from tabulate import tabulate

from nearest._distance import MACHINE
from nearest.search import nearest
from nearest.version import BUILD


@click.command()
@click.version_option(BUILD, message=f"nearest %(version)s {MACHINE}")
@click.option("--count", default=5, show_default=True, help="How many words to show.")
@click.argument("word")
@click.argument("words", type=click.File(), default="-")
def main(word, words, count):
    """Shows which of WORDS, a file with one on each line, are most like WORD."""
    candidates = filter(None, map(str.strip, words))
    click.echo(tabulate(nearest(word, candidates, count), headers=["word", "distance"]))


if __name__ == "__main__":
    main(prog_name="nearest")
