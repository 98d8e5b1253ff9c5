"""Reads and writes files on disks and in object stores, behind one interface."""
