//! kapell-report
