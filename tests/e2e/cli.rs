//! What scripts rely on: verbs, exit codes, JSON.
