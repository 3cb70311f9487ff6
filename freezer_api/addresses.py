# SPDX-License-Identifier: Apache-2.0
"""Addresses of hosts."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this host can call the address, or call from it."""
    if host == 'localhost':
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
