//! kapell-plugin-letter
