"""Calls to AWS APIs: direct where that is equivalent to botocore, otherwise through botocore."""
