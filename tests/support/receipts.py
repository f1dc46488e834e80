"""Receipts against their schema, which is understood once: that takes longer than to check one."""

from __future__ import annotations

from functools import cache

import jsonschema

from pytest_rollout.receipt_schema import receipt_schema


def validate(receipt: object) -> None:
    """Check a receipt.

    Raises:
        jsonschema.ValidationError: It is not what the schema says.
    """
    _validator().validate(receipt)


@cache
def _validator() -> jsonschema.Validator:
    schema = receipt_schema()
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)
