"""Started by the pool: `python -I -S start.py <zygote|inside|probe> <number>`. Puts our package on the path."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    sys.path.append(os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..")))
    if sys.argv[1] == "zygote":
        from holdfast.runtime.sandbox import zygote

        zygote.main(int(sys.argv[2]))
    elif sys.argv[1] == "probe":
        from holdfast.runtime.sandbox import probe

        probe.main(sys.argv[2] == "1")
    else:
        from holdfast.runtime.sandbox import inside

        inside.main(int(sys.argv[2]))
