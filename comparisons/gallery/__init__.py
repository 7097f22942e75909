"""Faults that were published, written anew: each must be caught, and each correction must match.

May import catalogue and the rooms before it.
"""

from .entries import GALLERY
from .finding import Finding
from .interface import PublishedFault, Version
from .judging import GalleryDetails, check_gallery

__all__ = ["GALLERY", "Finding", "GalleryDetails", "PublishedFault", "Version", "check_gallery"]
