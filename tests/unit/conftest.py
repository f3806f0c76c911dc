"""Let plain pytest find this checkout as ansible_collections.bootyard.netboot, without Ansible's loader."""

from __future__ import annotations

import importlib
import os

from documents import LINK, ROOT
from hypothesis import HealthCheck, settings

# How long a drawn case takes says nothing on a machine that boots others meanwhile.
settings.register_profile("unit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unit")

if not LINK.exists():
    LINK.parent.mkdir(parents=True, exist_ok=True)
    LINK.symlink_to(os.path.relpath(ROOT, LINK.parent), target_is_directory=True)
    importlib.invalidate_caches()
