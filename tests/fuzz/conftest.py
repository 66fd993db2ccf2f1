"""Where the fuzzer runs at all."""

import sys

#: Windows tells a process neither of the time nor of the memory that an input took.
collect_ignore = ["test_fuzz_short.py"] if sys.platform == "win32" else []
