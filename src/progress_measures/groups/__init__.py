"""Composition in finite groups: operations whose frequencies are the isotypic parts of the functions on a group."""

from progress_measures.groups.composition import alternating_group, composition, dihedral_group, symmetric_group
from progress_measures.groups.products import direct_product
from progress_measures.operations.irreps import Irrep

__all__ = ["Irrep", "alternating_group", "composition", "dihedral_group", "direct_product", "symmetric_group"]
