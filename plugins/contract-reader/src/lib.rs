//! kapell-plugin-contract-reader
