"""The suite's own words decide what failed; this reads them."""

from tests.conformance.mcp.run import read_unexpected

UNEXPECTED = """
Expected failures (in baseline):
  ~ prompts-list

Unexpected failures (not in baseline):
  ✗ tools-list
  ✗ caching:sep-2549-prompts-list-caching-hints

Unexpected failures detected: these are not in your expected-failures baseline.
"""
STALE = """
Stale baseline entries (now passing - remove from baseline):
  ✓ resources-list

Stale baseline entries detected: update your expected-failures file.
"""


def test_what_must_not_fail_and_what_is_excused_without_need_are_both_failures() -> None:
    assert read_unexpected(UNEXPECTED) == ("tools-list", "caching:sep-2549-prompts-list-caching-hints")
    assert read_unexpected(STALE) == ("resources-list",)
    assert read_unexpected("=== SUMMARY ===\n✗ prompts-list: 1 passed, 1 failed\n") == ()
