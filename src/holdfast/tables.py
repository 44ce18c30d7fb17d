"""Every table there is: importing this makes all of them known, for whatever takes the metadata as a whole."""

from __future__ import annotations

# ruff: noqa: F401
import holdfast.features.access.accounts.model
import holdfast.features.access.factors.model
import holdfast.features.access.model
import holdfast.features.access.sso.model
import holdfast.features.access.tokens.model
import holdfast.features.alerts.deliveries.model
import holdfast.features.alerts.model
import holdfast.features.backups.model
import holdfast.features.backups.tagging.model
import holdfast.features.colder.model
import holdfast.features.connections.model
import holdfast.features.copies.model
import holdfast.features.databases.model
import holdfast.features.drills.model
import holdfast.features.file_keys.model
import holdfast.features.files.model
import holdfast.features.kv.model
import holdfast.features.limits.model
import holdfast.features.masking.model
import holdfast.features.migrations.model
import holdfast.features.moves.model
import holdfast.features.plans.model
import holdfast.features.projects.model
import holdfast.features.recovery.model
import holdfast.features.retention.model
import holdfast.features.saved.model
import holdfast.features.secrets.model
import holdfast.features.transfers.model
import holdfast.features.upgrades.model
import holdfast.features.workers.case_model
import holdfast.features.workers.model
import holdfast.jobs.schema
import holdfast.kernel.audit_chain
import holdfast.kernel.secrets
import holdfast.web.idempotency
