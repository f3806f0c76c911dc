"""The virtual lab, for programs: power its machines, follow them while they boot, log in to them."""

from .follow import Result, follow
from .lab import ROOT, Lab, Node

__all__ = ["ROOT", "Lab", "Node", "Result", "follow"]
