# ruff: noqa: SIM110  a kernel makes no generator
"""Masks in layers: the first has the periods that rows of somebody met once, the next those met twice, and so on.

What was met so often here and so often there was met as often as both together.
"""

from typing import Any

import numpy.typing as npt

from rounds.engines.pack.compiled import compiled
from rounds.engines.pack.few_kernels import EVERYBODY, Work, is_few, put, spread

Array = npt.NDArray[Any]


@compiled
def unite_layers(work: Work, to: int, layers: int, one: int, other: int, people: int) -> None:  # pragma: no cover
    """Put the layers of two places together into a third.

    Args:
        work: holds them.
        to: the first of the places that get them.
        layers: how many there are, at both and in the end.
        one: the first place of the one.
        other: of the other.
        people: how many there are.
    """
    few, more = are_few(work, one, layers), are_few(work, other, layers)
    if few and more:
        add_few(work, to, layers, one, other, layers, people)
    elif few or more:
        if few:
            one, other = other, one
        for layer in range(layers):
            spread(work, one + layer, people)
            copy(work.masks[to + layer], work.masks[one + layer], people)
        add_to_everybody(work, to, layers, other)
        work.number[to : to + layers] = EVERYBODY
    else:
        for layer in range(layers):
            spread(work, one + layer, people)
            spread(work, other + layer, people)
        add_everybody(work, to, layers, one, other, people)
        work.number[to : to + layers] = EVERYBODY


@compiled
def are_few(work: Work, place: int, layers: int) -> bool:  # pragma: no cover
    """Say whether all layers are of few."""
    for layer in range(layers):
        if not is_few(work, place + layer):
            return False
    return True


@compiled
def add_everybody(work: Work, to: int, layers: int, one: int, other: int, people: int) -> None:  # pragma: no cover
    """Put layers of everybody together. Up to three, as nearly all are, each is one pass."""
    masks = work.masks
    join_both(masks[to], masks[one], masks[other], people)
    if layers > 1:
        join_second(masks[to + 1], masks[one], masks[one + 1], masks[other], masks[other + 1], people)
    if layers > 2:
        join_third(
            masks[to + 2],
            masks[one],
            masks[one + 1],
            masks[one + 2],
            masks[other],
            masks[other + 1],
            masks[other + 2],
            people,
        )
    for layer in range(3, layers):
        join_both(masks[to + layer], masks[one + layer], masks[other + layer], people)
        for less in range(layer):
            join_common(masks[to + layer], masks[one + less], masks[other + layer - 1 - less], people)


@compiled
def add_to_everybody(work: Work, to: int, layers: int, other: int) -> None:  # pragma: no cover
    """Add layers of few to those of everybody."""
    masks = work.masks
    for few in range(work.number[other]):
        who = work.who[other, few]
        for layer in range(layers - 1, -1, -1):
            mask = masks[to + layer, who] | masks[other + layer, few]
            for less in range(layer):
                mask |= masks[to + less, who] & masks[other + layer - 1 - less, few]
            masks[to + layer, who] = mask


@compiled
def add_few(
    work: Work, to: int, layers: int, one: int, other: int, others: int, people: int
) -> None:  # pragma: no cover
    """Put layers of few and some more of few together."""
    aside, listed, number = work.aside, work.listed, work.number[one]
    for few in range(number):
        listed[few] = work.who[one, few]
        for layer in range(layers):
            aside[layer, listed[few]] = work.masks[one + layer, few]
    for few in range(work.number[other]):
        who = work.who[other, few]
        listed[number] = who
        number += (aside[0, who] == 0) & (work.masks[other, few] != 0)  # of a layer above the first some have no bit
        for layer in range(layers - 1, -1, -1):
            if layer < others:
                aside[layer, who] |= work.masks[other + layer, few]
            for less in range(max(layer - others, 0), layer):
                aside[layer, who] |= aside[less, who] & work.masks[other + layer - 1 - less, few]
    take_back(work, layers, number)
    put(work, to, layers, number, people)


@compiled
def count_layers(
    work: Work, given: Array, to: int, layers: int, one: int, offset: int, people: int
) -> None:  # pragma: no cover
    """Add the masks of one place, which may be given, to layers."""
    if is_few(work, one) and are_few(work, to, layers):
        add_few(work, to, layers, to, one, 1, people)
        return
    spread(work, one, people)
    masks = work.masks[one] if one >= 0 else given[-one - 1, offset:]
    for layer in range(layers):
        spread(work, to + layer, people)
    for layer in range(layers - 1, 0, -1):
        join_common(work.masks[to + layer], work.masks[to + layer - 1], masks, people)
    join(work.masks[to], masks, people)


@compiled
def take_back(work: Work, layers: int, number: int) -> None:  # pragma: no cover
    """Take the masks of those who are listed from where they were put aside."""
    for layer in range(layers):
        aside, found = work.aside[layer], work.found[layer]
        for place in range(number):
            found[place] = aside[work.listed[place]]
            aside[work.listed[place]] = 0


@compiled
def copy(out: Array, one: Array, people: int) -> None:  # pragma: no cover
    """Put the bits of one mask."""
    for who in range(people):
        out[who] = one[who]


@compiled
def join(out: Array, one: Array, people: int) -> None:  # pragma: no cover
    """Add the bits of one mask."""
    for who in range(people):
        out[who] |= one[who]


@compiled
def join_common(out: Array, one: Array, other: Array, people: int) -> None:  # pragma: no cover
    """Add the bits that two masks share."""
    for who in range(people):
        out[who] |= one[who] & other[who]


@compiled
def join_both(out: Array, one: Array, other: Array, people: int) -> None:  # pragma: no cover
    """Put the bits of two masks."""
    for who in range(people):
        out[who] = one[who] | other[who]


@compiled
def join_second(
    out: Array, one: Array, one_twice: Array, other: Array, other_twice: Array, people: int
) -> None:  # pragma: no cover
    """Put the second layer of two together."""
    for who in range(people):
        out[who] = one_twice[who] | other_twice[who] | (one[who] & other[who])


@compiled
def join_third(
    out: Array,
    one: Array,
    one_twice: Array,
    one_thrice: Array,
    other: Array,
    other_twice: Array,
    other_thrice: Array,
    people: int,
) -> None:  # pragma: no cover
    """Put the third layer of two together."""
    for who in range(people):
        both = (one[who] & other_twice[who]) | (one_twice[who] & other[who])
        out[who] = one_thrice[who] | other_thrice[who] | both
