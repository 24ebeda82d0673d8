"""The page of the field's own stories, from the examples that work them through."""

import sys
from pathlib import Path

STORIES = Path(__file__).resolve().parents[1] / "examples" / "stories"


def stories_page() -> str:
    """Return every story with its published figures beside ours."""
    sys.path.insert(0, str(STORIES))
    try:
        from all import stories
    finally:
        sys.path.remove(str(STORIES))
    parts = [
        "# The field's own stories\n\n"
        "Generated from `examples/stories/` by `make docs`; `python examples/stories/all.py` prints it. No count\n"
        "is invented: what is not printed in a paper is had from what is, by arithmetic that is stated, or it is said\n"
        "why it cannot be had.\n\n"
        "| word | meaning |\n|---|---|\n"
        "| agrees | to every digit that is printed |\n"
        "| consistent | not the same quantity, and what is printed lies where ours allows |\n"
        "| derived | follows from what is printed, and is not printed itself |\n"
        "| differs | and the reason is given |\n"
        "| cannot be reproduced | from what is printed; what would be needed is named |\n"
    ]
    for story in stories():
        rows = [
            f"| {check.what} | {check.published} | {check.ours} | {check.verdict} | {check.why} |"
            for check in story.checks
        ]
        parts.append(
            f"## {story.title}\n\n{story.source}.\n\n{story.says}\n\n"
            "| what | published | ours | | how, or why not |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n"
        )
    return "\n".join(parts)
