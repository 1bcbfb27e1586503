//! What the house promises about itself, read off its own files.
