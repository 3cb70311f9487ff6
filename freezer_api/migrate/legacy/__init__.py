# SPDX-License-Identifier: Apache-2.0
"""Read the tables of the service that went before this one, as the documents that it answered."""
