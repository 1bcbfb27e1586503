//! The chain: canonical bytes of an entry, and the hash that binds it to the one before.
