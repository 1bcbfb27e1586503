//! JSON Schema 2020-12 for shapes and operations.
