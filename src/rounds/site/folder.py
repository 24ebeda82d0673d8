"""A site's folder: its settings, its records, its ledger, its keys."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rounds.disclosure.policy import Policy, SitePolicy
from rounds.engines.warehouse.settings import Settings
from rounds.errors import DefinitionError, DisclosureRefusal
from rounds.network.roles import Approval
from rounds.site.databases import PostgresBlock, SparkBlock
from rounds.storage.audit_log import LEDGER
from rounds.storage.identifiers import Identifier
from rounds.storage.library import Library, read_library, shipped_library_folder
from rounds.storage.policy_files import read_policy
from rounds.storage.published_source import PublishedBlock, PublishedSource
from rounds.storage.yaml_files import Definition, read_yaml


class RecordsBlock(Definition):
    """Where a site's OMOP records lie, and for which member they were made."""

    member: str
    folder: str = "records"
    outside_observation: Literal["refuse", "exclude"] = "refuse"
    postgres: PostgresBlock | None = None
    spark: SparkBlock | None = None

    @property
    def database(self) -> Settings | None:
        """How to reach the database the records lie in; None if they lie in the folder."""
        block = self.postgres or self.spark
        return block.settings() if block else None


class _SiteFile(Definition):
    site: Identifier
    policy: Identifier
    approval: Approval = Approval.LIBRARY
    agreements: Literal["required"] | None = None
    records: RecordsBlock | None = None
    published: PublishedBlock | None = None
    library: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site as its own settings describe it."""

    id: str
    folder: Path
    policy: SitePolicy
    source: RecordsBlock | PublishedSource
    library: Library
    approval: Approval = Approval.LIBRARY
    """who must say yes before a reply leaves"""
    agreements_required: bool = False

    @property
    def already_public(self) -> bool:
        return isinstance(self.source, PublishedSource)

    @property
    def people_path(self) -> Path:
        return self.folder / "people.yaml"

    @property
    def agreements_path(self) -> Path:
        return self.folder / "agreements.yaml"

    @property
    def standing_path(self) -> Path:
        return self.folder / "approvals.yaml"

    @property
    def checked_path(self) -> Path:
        """Where the site remembers which records it has checked."""
        return self.folder / "checked.json"

    @property
    def remembered_path(self) -> Path:
        """Where the site remembers exact counts, to count next time only what has changed."""
        return self.folder / "remembered"

    @property
    def ledger_path(self) -> Path:
        """What ever left, and the log of it."""
        return self.folder / LEDGER


def read_site(folder: Path) -> Site:
    """Return the site that lives in a folder.

    Raises:
        DefinitionError: if site.yaml is missing or wrong.
        DisclosureRefusal: if the policy is weaker than its source allows.
    """
    path = folder / "site.yaml"
    file = read_yaml(path, _SiteFile)
    source = _source(file, path)
    own = folder / file.library if file.library else folder / "library"
    if file.library and not own.is_dir():
        raise DefinitionError(f"{path}: library folder {own} does not exist; correct `library` or remove it")
    library = read_library(shipped_library_folder(), *([own] if own.is_dir() else []), look_ups=folder / "groupings")
    policy = read_policy(file.policy, own=own if own.is_dir() else None, library=library, source=str(path))
    if policy.terms.rule is Policy.OPEN and isinstance(source, RecordsBlock):
        raise DisclosureRefusal(f"{path}: policy `{policy.name}` is only for published data; choose `hes` for records")
    return Site(
        id=file.site,
        folder=folder,
        policy=policy,
        source=source,
        library=library,
        approval=file.approval,
        agreements_required=file.agreements is not None,
    )


def _source(file: _SiteFile, path: Path) -> RecordsBlock | PublishedSource:
    if file.records is not None and file.published is None:
        _check_place(file.records, path)
        return file.records
    if file.published is not None and file.records is None:
        return file.published.source(path.parent)
    raise DefinitionError(f"{path}: give either `records` or `published`, one of the two")


def _check_place(records: RecordsBlock, path: Path) -> None:
    named = sorted({"folder", "postgres", "spark"} & records.model_fields_set)
    if len(named) > 1:
        raise DefinitionError(f"{path}: records lie in one place; give one of {', '.join(f'`{one}`' for one in named)}")
    try:
        _ = records.database
    except DefinitionError as error:
        raise DefinitionError(f"{path}: records: {error}") from None
