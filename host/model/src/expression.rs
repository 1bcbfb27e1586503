//! Expressions in flows: bare CEL over JSON values.
