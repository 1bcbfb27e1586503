//! kapell-sdk
