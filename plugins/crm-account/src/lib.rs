//! kapell-plugin-crm-account
