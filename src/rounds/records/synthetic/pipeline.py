"""The invented pipeline of an invented network: innovations, what is known of them, and support to their makers."""

from datetime import date
from typing import Final

from rounds.network.innovations import EvidenceStage
from rounds.network.pipeline import (
    Approval,
    Better,
    Contact,
    Design,
    Evidence,
    Outcome,
    OutcomeKind,
    Pipeline,
    PipelineInnovation,
    Regulatory,
    StageReached,
    Support,
    ValueClaim,
)

_PROGRAMME: Final = "deterioration-programme"
_BED: Final = "bed-exit-sensor"
_VIDEO: Final = "video-outreach"
_BLOOD: Final = "lactate-at-the-bedside"

DEMO_PIPELINE: Final = Pipeline(
    innovations=(
        PipelineInnovation(
            id=_PROGRAMME,
            title="Recognise and respond to deterioration",
            owner="Patient safety collaborative",
            need_measure="cardiac-arrests",
        ),
        PipelineInnovation(
            id=_BED,
            title="Bed exit sensor",
            owner="Falls lead",
            innovator="Larkfield Sensing Ltd",
            need_stated="Inpatients who fall at night",
            need_by="Falls audit of the network, 2023",
            people_lower=900.0,
            people_upper=1500.0,
        ),
        PipelineInnovation(
            id=_VIDEO,
            title="Outreach by video at night",
            owner="Critical care network",
            innovator="Bright Harbour Health Limited",
            need_stated="Patients reviewed late because no outreach nurse is on site",
        ),
        PipelineInnovation(
            id=_BLOOD,
            title="Lactate at the bedside",
            owner="Sepsis lead",
            innovator="Meridian Assays Ltd",
            need_stated="Patients with suspected infection who wait for a laboratory",
            need_by="Sepsis audit of the network, 2024",
            people_lower=4000.0,
            people_upper=6000.0,
        ),
    ),
    stages=(
        StageReached(innovation=_PROGRAMME, stage=EvidenceStage.EVALUATION, date=date(2019, 4, 1)),
        StageReached(innovation=_PROGRAMME, stage=EvidenceStage.ADOPTION, date=date(2022, 4, 1)),
        StageReached(innovation=_BED, stage=EvidenceStage.DEVELOPMENT, date=date(2021, 9, 1)),
        StageReached(innovation=_BED, stage=EvidenceStage.PILOT, date=date(2023, 2, 1)),
        StageReached(innovation=_VIDEO, stage=EvidenceStage.PILOT, date=date(2024, 1, 15)),
        StageReached(innovation=_BLOOD, stage=EvidenceStage.EVALUATION, date=date(2024, 6, 1)),
    ),
    evidence=(
        Evidence(
            innovation=_PROGRAMME,
            study="Stepped introduction at four hospitals",
            design=Design.CONTROLLED,
            outcome="cardiac arrests, rate ratio",
            finding="Fewer cardiac arrests after going live",
            value=0.62,
            lower=0.48,
            upper=0.8,
            no_effect=1.0,
            better=Better.LOWER,
            source="Invented for this demonstration",
            date=date(2021, 11, 1),
        ),
        Evidence(
            innovation=_BED,
            study="Two wards before and after",
            design=Design.BEFORE_AFTER,
            outcome="falls, rate ratio",
            finding="Fewer falls, but too few to tell",
            value=0.82,
            lower=0.55,
            upper=1.22,
            no_effect=1.0,
            better=Better.LOWER,
            source="Invented for this demonstration",
            date=date(2023, 10, 1),
        ),
        Evidence(
            innovation=_BLOOD,
            study="Randomised by ward",
            design=Design.RANDOMISED,
            outcome="minutes to antibiotics, difference",
            finding="Antibiotics sooner",
            value=-22.0,
            lower=-35.0,
            upper=-9.0,
            no_effect=0.0,
            better=Better.LOWER,
            source="Invented for this demonstration",
            date=date(2024, 9, 1),
        ),
    ),
    regulatory=(
        Regulatory(innovation=_PROGRAMME, kind="any", status=Approval.NOT_NEEDED, date=date(2019, 4, 1)),
        Regulatory(
            innovation=_BED, kind="UKCA class I", status=Approval.HELD, reference="demo", date=date(2022, 12, 1)
        ),
        Regulatory(innovation=_BED, kind="DTAC", status=Approval.IN_PROGRESS, date=date(2024, 3, 1)),
        Regulatory(innovation=_BLOOD, kind="UKCA class IIa", status=Approval.HELD, date=date(2024, 2, 1)),
    ),
    value=(
        ValueClaim(
            innovation=_BED,
            says="saves bed days",
            by="Larkfield Sensing Ltd",
            amount=120_000.0,
            unit="GBP a year and hospital",
            basis="the maker's own model",
            date=date(2024, 5, 1),
        ),
    ),
    contacts=(
        Contact(
            company="Larkfield Sensing Ltd", date=date(2021, 6, 10), programme="Innovation exchange", innovation=_BED
        ),
        Contact(company="LARKFIELD SENSING LIMITED", date=date(2021, 6, 10), programme="Innovation exchange"),
        Contact(
            company="Bright Harbour Health", date=date(2023, 9, 4), programme="Digital accelerator", innovation=_VIDEO
        ),
        Contact(
            company="Meridian Assays Ltd", date=date(2022, 3, 2), programme="Innovation exchange", innovation=_BLOOD
        ),
    ),
    support=(
        Support(
            company="Larkfield Sensing",
            date=date(2022, 1, 20),
            programme="Innovation exchange",
            what="evaluation design",
            innovation=_BED,
        ),
        Support(
            company="Meridian Assays Limited",
            date=date(2023, 5, 8),
            programme="Innovation exchange",
            what="trial sites found",
            innovation=_BLOOD,
        ),
    ),
    outcomes=(
        Outcome(
            company="Larkfield Sensing Ltd",
            date=date(2023, 5, 30),
            programme="Innovation exchange",
            kind=OutcomeKind.INVESTMENT_GBP,
            amount=250_000.0,
        ),
        Outcome(
            company="Larkfield Sensing Limited",
            date=date(2023, 7, 31),
            programme="Digital accelerator",
            kind=OutcomeKind.INVESTMENT_GBP,
            amount=250_000.0,
        ),
        Outcome(
            company="Meridian Assays",
            date=date(2024, 3, 31),
            programme="Innovation exchange",
            kind=OutcomeKind.INVESTMENT_GBP,
            amount=1_200_000.0,
            reference="Series A",
        ),
        Outcome(
            company="Meridian Assays Ltd",
            date=date(2024, 3, 31),
            programme="Innovation exchange",
            kind=OutcomeKind.JOBS_CREATED,
            amount=6.0,
        ),
        Outcome(
            company="Meridien Assays",
            date=date(2024, 6, 30),
            programme="Digital accelerator",
            kind=OutcomeKind.JOBS_CREATED,
            amount=4.0,
        ),
    ),
)
"""Two programmes claim the same investment in two quarters; one company is spelt in a way that a person must settle."""
