"""A connector whose import ends the program."""

import sys

sys.exit("this connector ends the program")
