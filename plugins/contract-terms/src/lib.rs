//! kapell-plugin-contract-terms
