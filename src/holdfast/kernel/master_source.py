"""Which source of the master key the settings name. The one place that knows them all."""

from __future__ import annotations

import os
from collections.abc import Mapping

from holdfast.kernel.master import VARIABLE, EnvironmentSource, FileSource, MasterKeySource
from holdfast.kernel.settings import Settings


def source_of(settings: Settings, environ: Mapping[str, str] | None = None) -> MasterKeySource:
    """HOLDFAST_MASTER_KEY_SOURCE, else the variable when it is set, else the file.

    Raises NeedsOperator("vault_settings") when Vault is named and cannot be asked with what is set.
    """
    env = os.environ if environ is None else environ
    wanted = settings.master_key_source or ("environment" if env.get(VARIABLE) else "file")
    if wanted == "environment":
        return EnvironmentSource(env)
    if wanted == "file":
        return FileSource(settings.master_key_file)
    from holdfast.kernel.master_vault import VaultPlace, VaultSource

    return VaultSource(
        VaultPlace(
            address=settings.vault_addr,
            mount=settings.vault_mount,
            path=settings.vault_path,
            field=settings.vault_field,
            token_file=settings.vault_token_file,
            role_id=settings.vault_role_id,
            secret_id_file=settings.vault_secret_id_file,
            approle_mount=settings.vault_approle_mount,
            namespace=settings.vault_namespace,
            ca_file=settings.vault_cacert,
        )
    )
