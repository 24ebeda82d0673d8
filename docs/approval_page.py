"""Writes docs/approval.md: who may do what at a site, from the very tables that the program asks."""

from rounds.network.roles import (
    ACT_IN_WORDS,
    APPROVAL_IN_WORDS,
    FINAL,
    PERMISSIONS,
    TRANSITIONS,
    Act,
    Approval,
    RequestState,
    Role,
    next_state,
)

INTRODUCTION = """\
# Who says yes before anything leaves

Generated from `src/rounds/network/roles.py` by `make docs`. The tables below are the ones the program asks: what they
do not allow does not happen. A test holds every combination of role, act, state and kind of approval against a second
reading of this design that was written by hand.

A request asks a site for registered measures. The site counts, its disclosure policy decides what may be shown, and the
result is a signed reply: a file of a few kilobytes. This page is about what happens between that file and the moment it
leaves.

## What a site chooses

One line in `site.yaml` says who must say yes. The site chooses, never the centre.
"""

FILES = """\
A site that says nothing has `approval: library`. That is the least strict, and it is what a site did before there was a
choice. Somebody who edits `site.yaml` to ask for less frees nothing that waits already: a request keeps the approval it
was queued under, or a stricter one.

## Who is who: `people.yaml`

```yaml
people:
  - {name: Ada Example, role: data guardian, since: 2025-01-01}
  - {name: Ben Example, role: output checker, since: 2025-01-01, until: 2026-12-31}
  - {name: Cai Example, role: analyst, since: 2025-03-01}
```

The first and the last day count. Somebody may stand in the list with several roles. Two spellings of a name that
differ only in capitals, spaces or the encoding of an accent are one person.

**What this does not do.** Rounds believes the name that is given with `--as`. It does not check a password: the
accounts of the machine and of its folders decide who can run it at all. Give the site's folder only to people whom you
would believe. Each act is signed with the site's key and its digest stands in the audit log, so that what was done
under a name can be shown to that person afterwards.

## Who may do what

"""

WHEN = """
The *program* is Rounds itself, started without a name: by a timer, or by `rounds run`. Nobody in `people.yaml` can be
it.

Beyond the table, nobody approves their own work. These may not approve a reply, whatever their role: who asked for it
(`asked_by` in the round's file), who had it prepared, who wrote one of its measures, and who has approved it already.
To look at a reply that waits is not to prepare it.

## What may happen when

"""

AFTER = """
What was released or refused stays so: a round has one answer.

## How it goes

1. `rounds site answer` counts, makes the reply, keeps its bytes and says that it waits (exit code 6). Nothing leaves.
2. `rounds site requests FOLDER` lists what waits, in plain words and without numbers.
3. `rounds site preview FOLDER --exchange E --round R --as NAME` shows every number that would leave, read from the
   very bytes, with their SHA-256. With `--save FILE` the bytes are written into a file; `sha256sum FILE` shows the same
   digest.
4. `rounds site approve FOLDER --round R --as NAME --digest D` says yes to those bytes and no others. Where the site
   asks for two people, a second one does the same.
5. The next `rounds site answer` (or `rounds run`) counts again and compares. If the very same bytes would leave, the
   approved ones are laid down. If not, because records, library, policy or the list of opt-outs have changed, nothing
   is released: the approvals are void and the new bytes wait.

`rounds site refuse ... --because "..."` answers the centre with a signed refusal, for good. The centre shows the
reason. It may hold no digit, for a number in it would leave unrounded; that nobody writes "three" is for people to see.
`rounds site withdraw` takes a request out of the queue until somebody puts it back with a new preview.

A request that waits past its last day expires. If the centre issues it again it is counted and looked at anew.

A process that is killed loses nothing: a request, the act that moved it, the bytes of a refusal and what the audit log
tells of it are one transaction. Two people who approve at the same moment are two; one person who does so twice is one.

## Standing approvals: `approvals.yaml`

With `approval: standing` only these may leave, and nobody needs to look again:

```yaml
approvals:
  - {measure: cardiac-arrests, version: 1, approved_by: Ada Example, since: 2025-01-01, until: 2025-12-31}
```

Who signs off must have been a data guardian on the first day and may not have written the measure. With
`meaning: "3f2a9c1d44e0"` (the first twelve or more digits of the measure's digest) the approval ends, too, when
somebody changes what the measure counts. Without the file nothing leaves.

## Agreements with dates: `agreements.yaml`

```yaml
agreements:
  - id: dsa-2025-01
    between: [Hospital 01, Three Rivers network]
    purpose: learning from deterioration on wards
    measures: [cardiac-arrests, length-of-stay v1]   # or: all
    from: 2025-01-01
    until: 2026-12-31
    reviewer: Ada Example
```

Where this file is, each query needs an agreement that is in force on that day and covers each of its measures. If one
is missing, over or not yet begun, the query is refused by name before anything is counted. An agreement that ends while
a reply waits holds it back. With `agreements: required` in `site.yaml` nothing is answered without the file.

A clock that was set back brings nothing back: where a site has agreements, standing approvals or a queue, a day before
the latest one in its audit log is refused. So is the real day after somebody has logged a future one by mistake
(`--today`); the site waits until that day then.

## What stands in the audit log

"""

LOG = """\
`queued`, `approved`, `refused`, `withdrawn`, `expired`, `changed` (other bytes than approved) and `released`.

Each entry names the day, the round, who did it and the SHA-256 of the signed act. The act itself (who, in which role,
upon which request and which bytes, and why) lies with its signature in the site's `ledger.db`. What is released must be
borne out by signed approvals of these bytes from as many different people as the site asks for; a row that merely says
so releases nothing.

Around the bytes that people approved, the signed file says how the logs stand, and holds what the site must know again
if it loses its ledger (`rounds site restore`): the log, these signed acts, what left and what was charged. That is
sealed with the site's own key. The centre cannot read it, and of counts it holds nothing but what left.
"""


def approval_page() -> str:
    """Return the page."""
    return "".join(
        [
            INTRODUCTION,
            "\n",
            _table(
                ["`approval:`", "what may leave"],
                [[f"`{one}`", f"{APPROVAL_IN_WORDS[one]}"] for one in Approval],
            ),
            "\n",
            FILES,
            _permissions(),
            WHEN,
            *(_policy(under) for under in (Approval.TWO, Approval.ONE, Approval.STANDING)),
            "The same as a picture, for two people:\n\n",
            _diagram(Approval.TWO),
            AFTER,
            LOG,
        ]
    )


def _permissions() -> str:
    header = ["", *(str(role) for role in Role)]
    rows = [
        [f"**{act}**: {ACT_IN_WORDS[act]}", *("yes" if role in PERMISSIONS[act] else "–" for role in Role)]
        for act in Act
    ]
    return _table(header, rows)


def _policy(under: Approval) -> str:
    """Return which state each act leads to from each state."""
    possible = {one.act for one in TRANSITIONS if under in one.under}
    acts = [act for act in Act if act in possible]
    reached = _reached(under)
    rows = []
    for state in (state for state in RequestState if state in reached):
        cells = [str(to) if (to := next_state(state, act, under=under)) else "–" for act in acts]
        rows.append([f"**{state}**", *cells])
    names = f"`{under}`" if under.queues else f"`{Approval.LIBRARY}` and `{Approval.STANDING}`"
    return f"With {names}:\n\n{_table(['', *(str(act) for act in acts)], rows)}\n"


def _reached(under: Approval) -> set[RequestState]:
    found, before = {RequestState.RECEIVED}, set[RequestState]()
    while found != before:
        before = set(found)
        found |= {one.to for one in TRANSITIONS if one.state in before and under in one.under}
    return found


def _diagram(under: Approval) -> str:
    """Return the transitions as a Mermaid diagram, which GitHub and most viewers draw."""
    names = {state: state.replace(" ", "_") for state in RequestState}
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {names[RequestState.RECEIVED]}"]
    lines += [f"    {names[one.state]} --> {names[one.to]}: {one.act}" for one in TRANSITIONS if under in one.under]
    lines += [f"    {names[state]} --> [*]" for state in RequestState if state in FINAL]
    return "\n".join([*lines, "```", ""])


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
