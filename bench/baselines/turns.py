"""What the baselines of training steps share: their peak memory, and waiting for their turns."""

import json
import pathlib
import re
import sys
from collections.abc import Callable


def peak() -> float:
    """The most memory this process held, MiB; getrusage would begin with what its parent held."""
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def answer(turn: Callable[[], dict]) -> None:
    """One line of JSON when ready, and one for every line of the input: whoever compares decides when we run."""
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(turn()), flush=True)
