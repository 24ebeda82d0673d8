"""Masks of some people, of whom mostly few have any bit: kernels that look at those few only.

Of a condition one person in twenty has a row, and of those who have one in twenty meets the numerator. A place holds
masks either of everybody or, as long as they are few, of those who have one: who they are, in any order, and their
masks. What is done to masks then takes as long as there are people who have bits, however long a mask is.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from rounds.engines.pack.compiled import compiled

Array = npt.NDArray[Any]

EVERYBODY: Final = -1


class Work(NamedTuple):
    """Places for masks of some people, and room to work in."""

    masks: Array
    """Shape (places, people at a time): everybody's, or first those of the few who have any."""
    number: Array
    """How many masks each place holds, or `EVERYBODY`. Layers that are written together hold those of the same few."""
    who: Array
    """Of whom they are, shape (places, people at a time)."""
    most: int
    """That count as few."""
    aside: Array
    """Masks of everybody, shape (layers, people at a time): zeros whenever nothing works with them."""
    listed: Array
    """Room for a number of everybody, and one more."""
    found: Array
    """The same for masks, shape (layers, people at a time and one more)."""
    day_of: Array
    """A day of everybody: a day after the last whenever nothing works with them."""


@compiled
def is_few(work: Work, place: int) -> bool:  # pragma: no cover
    """Say whether a place holds the masks of few."""
    return place >= 0 and work.number[place] != EVERYBODY


@compiled
def put(work: Work, to: int, layers: int, number: int, people: int) -> None:  # pragma: no cover
    """Put the masks that were found of those who are listed into places: as those of few, if that is what they are."""
    few = number <= work.most
    for layer in range(layers):
        out, found = work.masks[to + layer], work.found[layer]
        if few:
            for place in range(number):
                out[place] = found[place]
                work.who[to + layer, place] = work.listed[place]
        else:
            out[:people] = 0
            for place in range(number):
                out[work.listed[place]] = found[place]
        work.number[to + layer] = number if few else EVERYBODY


@compiled
def take(
    work: Work, to: int, who: Array, masks: Array, start: int, offset: int, people: int
) -> int:  # pragma: no cover
    """Put masks of a block that are listed, in the order of people, into a place; return where the next begin.

    Args:
        work: gets them.
        to: the place.
        who: whose they are, as offsets in the block, and in the end somebody behind it.
        masks: of them.
        start: where those from `offset` on begin.
        offset: the first of the people.
        people: how many they are.
    """
    stop = start
    while who[stop] < offset + people:
        work.listed[stop - start], work.found[0, stop - start] = who[stop] - offset, masks[stop]
        stop += 1
    put(work, to, 1, stop - start, people)
    return stop


@compiled
def spread(work: Work, place: int, people: int) -> None:  # pragma: no cover
    """Make the masks at a place those of everybody. Masks that were given, below 0, are everybody's already."""
    if is_few(work, place):
        number = work.number[place]
        masks, found, who = work.masks[place], work.found[0], work.who[place]
        for few in range(number):
            found[few] = masks[few]
        masks[:people] = 0
        for few in range(number):
            masks[who[few]] = found[few]
        work.number[place] = EVERYBODY


@compiled
def find_common(work: Work, given: Array, one: int, other: int, contrary: bool, offset: int) -> int:  # pragma: no cover
    """Find the masks that few share with others, or with `contrary` do not, and return how many are left.

    Args:
        work: gets them, as `found` and `listed`.
        given: for the block.
        one: the place of masks of few.
        other: of any.
        contrary: whether to leave out the bits that the others have.
        offset: of the first of the people in the block.
    """
    masks, who = work.masks[one], work.who[one]
    found, listed, number = work.found[0], work.listed, 0
    if work.number[one] == 0:
        return 0
    turn = ~np.uint64(0) if contrary else np.uint64(0)
    if is_few(work, other):
        aside, others, whom = work.aside[0], work.masks[other], work.who[other]
        for few in range(work.number[other]):
            aside[whom[few]] = others[few]
        for few in range(work.number[one]):
            mask = masks[few] & (aside[who[few]] ^ turn)
            found[number], listed[number] = mask, who[few]
            number += mask != 0
        for few in range(work.number[other]):
            aside[whom[few]] = 0
    else:
        all_others = work.masks[other] if other >= 0 else given[-other - 1, offset:]
        for few in range(work.number[one]):
            mask = masks[few] & (all_others[who[few]] ^ turn)
            found[number], listed[number] = mask, who[few]
            number += mask != 0
    return number


@compiled
def common_of_few(work: Work, given: Array, one: int, other: int, offset: int) -> int:  # pragma: no cover
    """Find the masks that two places share, of which one at least is of few, as `find_common` does."""
    if is_few(work, one) and not (is_few(work, other) and work.number[other] < work.number[one]):
        return find_common(work, given, one, other, False, offset)
    return find_common(work, given, other, one, False, offset)


@compiled
def share(
    work: Work, given: Array, to: int, one: int, other: int, offset: int, people: int
) -> None:  # pragma: no cover
    """Put the bits that two places share into another."""
    if is_few(work, one) or is_few(work, other):
        put(work, to, 1, common_of_few(work, given, one, other, offset), people)
    else:
        out = work.masks[to]
        left = work.masks[one] if one >= 0 else given[-one - 1, offset:]
        right = work.masks[other] if other >= 0 else given[-other - 1, offset:]
        for who in range(people):
            out[who] = left[who] & right[who]
        work.number[to] = EVERYBODY


@compiled
def leave_out(
    work: Work, given: Array, to: int, one: int, other: int, offset: int, people: int
) -> None:  # pragma: no cover
    """Put the bits of one place that another has not into a third."""
    if is_few(work, one):
        put(work, to, 1, find_common(work, given, one, other, True, offset), people)
        return
    out = work.masks[to]
    left = work.masks[one] if one >= 0 else given[-one - 1, offset:]
    if is_few(work, other):
        for who in range(people):
            out[who] = left[who]
        for few in range(work.number[other]):
            out[work.who[other, few]] &= ~work.masks[other, few]
    else:
        right = work.masks[other] if other >= 0 else given[-other - 1, offset:]
        for who in range(people):
            out[who] = left[who] & ~right[who]
    work.number[to] = EVERYBODY


@compiled
def unite(
    work: Work, given: Array, to: int, one: int, other: int, offset: int, people: int
) -> None:  # pragma: no cover
    """Put the bits of two places into another."""
    if is_few(work, one) and is_few(work, other):
        _unite_few(work, to, one, other, people)
        return
    if is_few(work, one):
        one, other = other, one
    out = work.masks[to]
    left = work.masks[one] if one >= 0 else given[-one - 1, offset:]
    if is_few(work, other):
        for who in range(people):
            out[who] = left[who]
        for few in range(work.number[other]):
            out[work.who[other, few]] |= work.masks[other, few]
    else:
        right = work.masks[other] if other >= 0 else given[-other - 1, offset:]
        for who in range(people):
            out[who] = left[who] | right[who]
    work.number[to] = EVERYBODY


@compiled
def _unite_few(work: Work, to: int, one: int, other: int, people: int) -> None:  # pragma: no cover
    out, who, aside = work.masks[to], work.who[to], work.aside[0]
    left, of_left, first = work.masks[one], work.who[one], work.number[one]
    right, of_right, second = work.masks[other], work.who[other], work.number[other]
    if first + second > work.most:
        out[:people] = 0
        for few in range(first):
            out[of_left[few]] = left[few]
        for few in range(second):
            out[of_right[few]] |= right[few]
        work.number[to] = EVERYBODY
        return
    number = 0  # of a layer above the first some have no bit
    for few in range(first):
        this, mask = of_left[few], left[few]
        who[number], aside[this] = this, mask
        number += mask != 0
    for few in range(second):
        this, mask = of_right[few], right[few]
        before = aside[this]
        who[number] = this
        number += (before == 0) & (mask != 0)
        aside[this] = before | mask
    for few in range(number):
        out[few] = aside[who[few]]
        aside[who[few]] = 0
    work.number[to] = number
