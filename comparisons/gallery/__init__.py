"""Faults that were published, written anew: each must be caught, and each correction must match."""

from gradtwin.comparisons.gallery.entries import GALLERY
from gradtwin.comparisons.gallery.interface import PublishedFault, Version
from gradtwin.comparisons.gallery.judging import Finding, GalleryReport, check_gallery

__all__ = ["GALLERY", "Finding", "GalleryReport", "PublishedFault", "Version", "check_gallery"]
