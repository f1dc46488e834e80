"""MurmurHash3, the 32-bit one for x86: the hash by which flagd and others put units in buckets.

In plain Python: a unit's name is short, and a million of them take seconds.

Source:
    Austin Appleby, SMHasher, MurmurHash3_x86_32 (public domain); checked
    against its published values.
"""

from __future__ import annotations

_MASK = 0xFFFFFFFF


def murmur3_32(data: bytes, seed: int = 0) -> int:
    """The hash of some bytes, from 0 to 2³² - 1."""
    whole = len(data) & ~3
    state = seed
    for start in range(0, whole, 4):
        state ^= _scrambled(int.from_bytes(data[start : start + 4], "little"))
        state = (_rotated(state, 13) * 5 + 0xE6546B64) & _MASK
    state ^= _scrambled(int.from_bytes(data[whole:], "little"))
    state ^= len(data)
    state = ((state ^ state >> 16) * 0x85EBCA6B) & _MASK
    state = ((state ^ state >> 13) * 0xC2B2AE35) & _MASK
    return state ^ state >> 16


def _scrambled(block: int) -> int:
    return (_rotated((block * 0xCC9E2D51) & _MASK, 15) * 0x1B873593) & _MASK


def _rotated(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & _MASK
