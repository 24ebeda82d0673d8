"""Names of organisations as people write them, brought to the words that tell them apart."""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from rapidfuzz.distance import OSA

_ABBREVIATED: Final = {
    "&": ("and",),
    "+": ("and",),
    "saint": ("st",),
    "sts": ("st",),
    "hosp": ("hospital",),
    "hosps": ("hospital",),
    "hospitals": ("hospital",),
    "hsp": ("hospital",),
    "univ": ("university",),
    "uni": ("university",),
    "unis": ("university",),
    "universities": ("university",),
    "unitd": ("united",),
    "utd": ("united",),
    "gen": ("general",),
    "comm": ("community",),
    "cmty": ("community",),
    "mh": ("mental", "health"),
    "mht": ("mental", "health"),
    "hc": ("healthcare",),
    "hlth": ("health",),
    "hlthcare": ("healthcare",),
    "svcs": ("services",),
    "svc": ("service",),
    "serv": ("service",),
    "services": ("service",),
    "pship": ("partnership",),
    "psh": ("partnership",),
    "p'ship": ("partnership",),
    "amb": ("ambulance",),
    "childrens": ("children",),
    "children's": ("children",),
    "womens": ("women",),
    "women's": ("women",),
    "kings": ("king",),
    "queens": ("queen",),
    "tchg": ("teaching",),
    "teach": ("teaching",),
    "hant": ("hampshire",),
    "hants": ("hampshire",),
    "herts": ("hertfordshire",),
    "lancs": ("lancashire",),
    "lincs": ("lincolnshire",),
    "notts": ("nottinghamshire",),
    "northants": ("northamptonshire",),
    "oxon": ("oxfordshire",),
    "cambs": ("cambridgeshire",),
    "beds": ("bedfordshire",),
    "berks": ("berkshire",),
    "bucks": ("buckinghamshire",),
    "glos": ("gloucestershire",),
    "leics": ("leicestershire",),
    "staffs": ("staffordshire",),
    "wilts": ("wiltshire",),
    "worcs": ("worcestershire",),
    "yorks": ("yorkshire",),
    "derbys": ("derbyshire",),
    "nth": ("north",),
    "sth": ("south",),
    "dist": ("district",),
    "roy": ("royal",),
    "mcr": ("manchester",),
    "b'ham": ("birmingham",),
    "bham": ("birmingham",),
    "l'pool": ("liverpool",),
    "n'castle": ("newcastle",),
    "gt": ("great",),
}
"""Abbreviations and plurals, written out. County names are the postal ones."""

LEGAL_FORM: Final = frozenset({"nhs", "nhsft", "nhst", "foundation", "trust", "ft", "fdn", "found", "trusts"})
"""Words of the legal form: nearly every trust has them, and trusts change it without becoming another."""

_SMALL: Final = frozenset({"the", "of", "and", "for", "in", "at", "on", "upon"})

GENERIC: Final = frozenset(
    {
        "hospital", "university", "teaching", "general", "district", "community", "partnership", "healthcare",
        "health", "mental", "service", "ambulance", "foundation", "infirmary", "integrated", "specialist",
    }
)  # fmt: skip
"""Words that say what an organisation is, not which. A slip in one of these is put right; never one in another."""

_NO_SLIP: Final = frozenset({"heath"})
"""Words of their own that look like a slip."""
_TRUST: Final = LEGAL_FORM - {"nhs"}
_CARE: Final = GENERIC - {"university", "community", "health"}

_WORD: Final = re.compile(r"[a-z0-9']+|[&+]")
_FEWEST_LETTERS_FOR_A_SLIP: Final = 5


def says_what_it_is(name: str) -> bool:
    """Return whether a name says that it is of an organisation of care, and not of a place or a university.

    >>> says_what_it_is("Bolton"), says_what_it_is("University of Manchester"), says_what_it_is("Bolton NHS FT")
    (False, False, True)
    """
    return bool(_CARE & set(words_of(name))) or bool(_TRUST & set(_plain_words(name)))


def words_of(name: str) -> tuple[str, ...]:
    """Return the words that tell an organisation from others, in alphabetical order.

    Letters without accents, abbreviations written out, the legal form, articles and prepositions left out, slips in
    words such as "hospital" put right. No word is dropped that any organisation might differ by.

    >>> words_of("The Univ. Hosps of Dorset NHS FT")
    ('dorset', 'hospital', 'university')
    >>> words_of("Saint George's Univeristy Hosptials NHS Trust")
    ('georges', 'hospital', 'st', 'university')
    """
    found: list[str] = []
    for written in _plain_words(name):
        for word in _ABBREVIATED.get(written, (written,)):
            bare = word.replace("'", "")
            for whole in _ABBREVIATED.get(bare, (bare,)):
                one = _put_right(whole)
                if one not in LEGAL_FORM and one not in _SMALL and one:
                    found.append(one)
    return tuple(sorted(found))


def _plain_words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    plain = plain.replace("`", "'").replace("\u2019", "'")
    plain = re.sub(r"\bn\.?h\.?s\.?\s*f\.?t\.?\b", " nhsft ", plain)
    return _WORD.findall(plain)


@lru_cache(maxsize=20_000)
def _put_right(word: str) -> str:
    """Return the general word that a slip is of; any other word as it is."""
    if word in GENERIC | LEGAL_FORM | _NO_SLIP or len(word) < _FEWEST_LETTERS_FOR_A_SLIP:
        return word
    for right in sorted(GENERIC | {"trust"}):
        most = 2 if len(right) >= 8 else 1
        if (
            word[0] == right[0]
            and abs(len(word) - len(right)) <= most
            and OSA.distance(word, right, score_cutoff=most) <= most
        ):
            return right
    return word
