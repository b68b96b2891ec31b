"""``make bench``: measures the console against baselines in the same run.

Every figure is the median of several runs; results are compared before times count. Sizes are small
unless BENCH_SCALE is full. A ratio that misses its bar is printed as such; nothing fails.
"""

import os
import platform
import sys
import tempfile
from datetime import UTC, datetime

import django


def main() -> int:
    """Run all measurements, or those named, and print them as the rows of a table."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_console.settings")
    from billing_console import settings

    settings.SERVERS.hold()
    settings.SECRET_KEY = settings.SECRET_KEY or settings.SERVERS.make_secret_key() or "benchmark"
    django.setup()

    from benchmarks import charges, closing, documents, measures, scratch

    full = os.environ.get("BENCH_SCALE") == "full"
    all_measures = measures.MEASURES | {
        "charging": charges.measure_charging,
        "entitlement": charges.measure_entitlement,
        "pdf": documents.measure_pdf,
        "issuing": documents.measure_issuing,
        "closing": closing.measure_closing,
    }
    chosen = sys.argv[1:] or list(all_measures)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}, {'full' if full else 'small'}")
    print("| what | baseline | console | ratio | bar | |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as tempfile.tempdir, scratch.database():
        for name in chosen:
            for result in all_measures[name](full=full):
                print(result.row(), flush=True)
    return 0


def describe_machine() -> str:
    """Return what the figures depend on."""
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


if __name__ == "__main__":
    sys.exit(main())
