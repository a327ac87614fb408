"""``make mutants``: mutate, write RESULTS.md, and end with 1 where a target was missed. Names given do those alone."""

import sys
import time

from tests.mutation.report import RESULTS, equivalents, page, rows, stale
from tests.mutation.run import of_functions, of_tables
from tests.mutation.subjects import SUBJECTS


def main(names: list[str]) -> int:
    """Run; 0 where every target was reached and no excuse is out of date, 2 where there is no such module."""
    unknown = set(names) - {one.module for one in SUBJECTS}
    if unknown:
        known = ", ".join(one.module for one in SUBJECTS)
        sys.stderr.write(f"not mutated: {', '.join(sorted(unknown))}; there are {known}\n")
        return 2
    subjects = [one for one in SUBJECTS if not names or one.module in names]
    began = time.monotonic()
    fates = [*of_functions(subjects), *of_tables(subjects)]
    excused = equivalents()
    found, old = rows(fates, excused, subjects), stale(fates, excused)
    text = page(found, excused, time.monotonic() - began)
    sys.stdout.write(text)
    if not names:
        RESULTS.write_text(text, "utf-8")
    for one in old:
        sys.stderr.write(f"no longer equivalent, or gone: {one.module}: {one.was} -> {one.instead}\n")
    return 0 if all(row.reached for row in found) and not old else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
