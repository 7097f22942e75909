"""The renderings that a report's own methods use."""

from .html import to_fragment
from .text import print_report, to_text

__all__ = ["print_report", "to_fragment", "to_text"]
