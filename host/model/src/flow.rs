//! Flows: the authored order of steps, and its check.
