"""Datasets in the making: interactions as columns, filters, texts, and files put in place together."""
