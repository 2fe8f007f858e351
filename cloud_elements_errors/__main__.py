"""The command line: ``python -m cloud_elements_errors``."""

import sys

from ._command_line.main import main

if __name__ == "__main__":
    sys.exit(main())
