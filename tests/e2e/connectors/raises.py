"""A connector whose import raises."""

raise RuntimeError("this connector cannot be imported")
