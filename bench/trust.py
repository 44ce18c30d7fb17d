"""What trust costs. Required: permission check + audit add <= 0.3 ms (p50) to a write; 1,000 sign-ins at once leave the
event loop free: during them the p99 of `GET /health/live` < 500 ms and of a read < 2 s, and all are answered."""

from __future__ import annotations

import os
import sys

from bench import trust_admission, trust_sign_in, trust_write


def main() -> int:
    print(f"load before: {' '.join(f'{each:.1f}' for each in os.getloadavg())}", flush=True)
    met = [trust_write.report(), trust_admission.report(), trust_sign_in.report()]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
