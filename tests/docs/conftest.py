"""The two helpers beside this file are found by their folder: tests are no packages and are imported by path."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
