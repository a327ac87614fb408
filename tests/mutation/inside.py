"""Runs mutmut with the project's own packages first: ``inside.py TOOL run`` mutates, ``inside.py TOOL tell`` lists.

Works in the present folder, a copy of the project. What is listed is one JSON object a line: module, status, and the
line that was changed, as it was and as it is instead.
"""

import json
import sys
from pathlib import Path


def main() -> None:
    tool, verb, *rest = sys.argv[1:]
    sys.path[0] = str(Path.cwd())  # not the folder of this file
    sys.path.append(tool)  # behind what the project has pinned
    if verb == "tell":
        _tell()
        return
    from mutmut.__main__ import cli

    cli(["run", *rest])


def _tell() -> None:
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.mutation.diff_apply import get_diff_for_mutant
    from mutmut.stats import status_by_exit_code
    from mutmut.utils.file_utils import walk_mutatable_files

    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for name, code in data.exit_code_by_key.items():
            status = status_by_exit_code[code]
            diff = "" if status == "killed" else get_diff_for_mutant(name, path=path)
            print(json.dumps({"module": path.stem, "name": name, "status": status, **_lines(diff)}))  # noqa: T201


def _lines(diff: str) -> dict[str, str]:
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    return {
        "was": " ".join(line[1:].strip() for line in lines if line.startswith("-")),
        "instead": " ".join(line[1:].strip() for line in lines if line.startswith("+")),
    }


if __name__ == "__main__":
    main()
