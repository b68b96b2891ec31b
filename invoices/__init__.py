"""Orders, invoices and statements; built on plans."""
