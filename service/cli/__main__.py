"""`python -m service.cli` is `workflows`."""

from service.cli import main

main()
