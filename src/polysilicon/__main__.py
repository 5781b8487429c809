"""`python -m polysilicon`, for where the script is not on the path."""

from polysilicon.cli import main

main()
