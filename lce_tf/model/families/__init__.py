"""Families of encoders: `FAMILIES["electra"]`. Each is a file of this folder that defines `FAMILY`."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from lce_tf.model.families.family import Family


def _found() -> dict[str, Family]:
    modules = (importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__))
    families = (module.FAMILY for module in modules if hasattr(module, "FAMILY"))
    return {family.model_type: family for family in families}


FAMILIES: Mapping[str, Family] = MappingProxyType(_found())
