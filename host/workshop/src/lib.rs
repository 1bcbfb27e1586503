//! kapell-workshop
