"""The field's own stories, worked through: each published figure beside ours, and what cannot be reproduced and why.

.venv/bin/python examples/stories/all.py
"""

import sys

import alcohol
import arrests
import laparotomy
import magnesium
import pincer
import uptake
from agreement import Story

MODULES = (alcohol, pincer, laparotomy, magnesium, arrests, uptake)


def stories() -> tuple[Story, ...]:
    """Return every story."""
    return tuple(module.story() for module in MODULES)


def main() -> int:
    """Print them."""
    lines = []
    for story in stories():
        lines += ["", story.title.upper(), story.source, story.says]
        for check in story.checks:
            lines.append(f"  {check.what}: {check.published} | ours {check.ours} | {check.verdict}")
            lines.append(f"      {check.why}")
    sys.stdout.write("\n".join(lines[1:]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
