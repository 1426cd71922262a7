"""What is told of items."""

from __future__ import annotations

FIELDS = {
    "item_id": "token",
    "title": "token_seq",
    "categories": "token_seq",
    "brand": "token",
    "price": "float",
    "image": "token_seq",
    "description": "token_seq",
}
"""Columns of an ``.item`` file and their RecBole types."""
