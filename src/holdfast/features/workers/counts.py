"""What quotas count of workers: how many there are. Versions are counted as they are uploaded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from holdfast.features.limits.quota import Count
from holdfast.features.limits.words import Subject, What
from holdfast.features.workers.model import workers


def there_are(conn: sa.Connection, subject: Subject, _since: datetime) -> tuple[int, datetime | None]:
    """Of a project, also those within their grace period: their code is on the disk still."""
    query = sa.select(sa.func.count()).select_from(workers).where(workers.c.project_id == subject.id)
    return int(conn.execute(query).scalar_one()), None


COUNTS: Mapping[What, Count] = {"workers": there_are}
