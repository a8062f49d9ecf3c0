"""`nodegraph`, with every call that blocks its event loop made an error: an answer of 500, and a line in the log."""

from blockbuster import BlockBuster

from nodegraph.cli import main

if __name__ == "__main__":
    BlockBuster().activate()
    main()
